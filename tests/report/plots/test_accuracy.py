import numpy as np
import pytest
from plotly.io import from_json

from gsam_edge.report.plots.accuracy import plot_confusion, plot_precision_recall, plot_reliability

AWKWARD = ("<a href='x'>ear</a>", "Ähre_1 %{x}", "穂")


def read(figure):
    """The figure as it is read from its file."""
    text = figure.to_json()
    assert "bdata" not in text, "kedro-viz's plotly.js reads plain numbers"
    assert "<a " not in text
    assert r"\u003ca " not in text
    return from_json(text)


def title(figure) -> str:
    return next(each.text for each in figure.layout.annotations if each.font.size == 13)


class TestConfusion:
    def test_every_count_stands_in_its_cell(self):
        counts = [[5, 1, 0, 2], [0, 7, 0, 0], [0, 0, 0, 3], [4, 0, 0, 0]]
        figure = read(plot_confusion({"names": [*AWKWARD, "background"], "counts": counts}))
        (cells,) = figure.data
        assert [[int(text or 0) for text in row] for row in cells.text] == counts
        np.testing.assert_allclose(cells.z[0], [5 / 8, 1 / 8, 0, 2 / 8])
        assert (cells.zmin, cells.zmax) == (0, 1)
        assert list(figure.layout.yaxis.ticktext) == ["&lt;a href='x'&gt;ear&lt;/a&gt;", *AWKWARD[1:], "background"]
        assert cells.hovertext[1][1] == "is Ähre_1 %{x}, found as Ähre_1 %{x}: 7 objects, 100% of the row"
        assert cells.hovertemplate is None, "names would be read as templates"

    def test_of_many_classes_some_are_shown(self):
        counts = np.diag([*range(1, 41), 0]).tolist()
        figure = read(plot_confusion({"names": [*map(str, range(40)), "background"], "counts": counts}))
        assert "24 of 40 classes" in title(figure)
        assert np.shape(figure.data[0].z) == (25, 25)


class TestPrecisionRecall:
    def test_a_curve_for_each_class_with_a_dot_where_it_is_used(self):
        curves = {AWKWARD[0]: [[0, 1.0], [0.01, 0.5]], AWKWARD[1]: []}
        per_class = {AWKWARD[0]: {"box_map50": {"value": 0.2}, "precision": {"value": 0.5}, "recall": {"value": 0.01}}}
        curve, dot, nothing = read(plot_precision_recall(curves, per_class)).data
        assert [list(curve.x), list(curve.y)] == [[0, 0.01], [1, 0.5]]
        assert (dot.x, dot.y) == ((0.01,), (0.5,))
        assert (nothing.x, nothing.y) == ((0,), (0,))
        assert curve.name.endswith("AP50 0.20")

    def test_many_classes_are_pale_beside_their_mean(self):
        curves = {str(number): [[0, 1.0], [0.01, 1.0]] for number in range(30)}
        figure = read(plot_precision_recall(curves, {}))
        assert figure.data[-1].y[:3] == (1, 1, 0)
        assert [trace.name for trace in figure.data if trace.showlegend] == ["mean of 30 classes"]

    def test_both_axes_go_from_0_to_1(self):
        layout = read(plot_precision_recall({"ear": [[0, 0.01]]}, {})).layout
        assert layout.xaxis.range == layout.yaxis.range == (0, 1.02)

    def test_without_classes(self):
        assert read(plot_precision_recall({}, {})).layout.annotations[0].text == "no objects of any class"


class TestReliability:
    def test_bars_are_the_shares_that_are_right(self):
        bins = [
            {"low": 0.0, "high": 0.5, "count": 4, "score": 0.3, "correct": 0.25},
            {"low": 0.5, "high": 1.0, "count": 0},
        ]
        figure = read(plot_reliability({"ece": 0.05, "bins": bins}))
        shares, _, scores, counts = figure.data
        assert (shares.x, shares.y) == ((0.25,), (0.25,))
        assert (scores.x, scores.y) == ((0.3,), (0.25,))
        assert (counts.y, counts.yaxis) == ((4,), "y2")
        assert "0.050" in title(figure)
        assert "4 detections<br>25% right" in shares.hovertext[0]

    @pytest.mark.parametrize("calibration", [{}, {"ece": 0.0, "bins": []}])
    def test_without_detections(self, calibration):
        assert "nothing is detected" in title(read(plot_reliability(calibration)))
