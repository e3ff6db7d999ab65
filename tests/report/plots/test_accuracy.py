import io

import numpy as np
import pytest

from gsam_edge.report.plots.accuracy import plot_confusion, plot_precision_recall, plot_reliability

AWKWARD = ("ear $of$ bag", "Ähre_1", "穂")


def drawn(figure):
    """The figure as it is saved; every text in it must be drawable."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


class TestConfusion:
    def test_every_count_stands_in_its_cell(self):
        counts = [[5, 1, 0, 2], [0, 7, 0, 0], [0, 0, 0, 3], [4, 0, 0, 0]]
        axes = drawn(plot_confusion({"names": [*AWKWARD, "background"], "counts": counts})).axes[0]
        assert {text.get_text() for text in axes.texts} == {"5", "1", "2", "7", "3", "4"}
        np.testing.assert_allclose(axes.images[0].get_array()[0], [5 / 8, 1 / 8, 0, 2 / 8])
        assert [label.get_text() for label in axes.get_yticklabels()][-1] == "background"

    def test_of_many_classes_some_are_shown(self):
        counts = np.diag([*range(1, 41), 0]).tolist()
        axes = plot_confusion({"names": [*map(str, range(40)), "background"], "counts": counts}).axes[0]
        assert "24 of 40 classes" in axes.get_title("left")
        assert axes.images[0].get_array().shape == (25, 25)


class TestPrecisionRecall:
    def test_a_curve_for_each_class_with_a_dot_where_it_is_used(self):
        curves = {AWKWARD[0]: [[0, 1.0], [0.01, 0.5]], AWKWARD[1]: []}
        per_class = {AWKWARD[0]: {"box_map50": {"value": 0.2}, "precision": {"value": 0.5}, "recall": {"value": 0.01}}}
        axes = drawn(plot_precision_recall(curves, per_class)).axes[0]
        assert [len(line.get_xdata()) for line in axes.lines] == [2, 1, 1]
        assert "AP50 0.20" in axes.get_legend().get_texts()[0].get_text()

    def test_many_classes_are_pale_beside_their_mean(self):
        curves = {str(number): [[0, 1.0], [0.01, 1.0]] for number in range(30)}
        axes = drawn(plot_precision_recall(curves, {})).axes[0]
        assert axes.lines[-1].get_ydata()[:3].tolist() == [1, 1, 0]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mean of 30 classes"]

    def test_without_classes(self):
        assert drawn(plot_precision_recall({}, {})).axes[0].texts[0].get_text() == "no objects of any class"


class TestReliability:
    def test_bars_are_the_shares_that_are_right(self):
        bins = [
            {"low": 0.0, "high": 0.5, "count": 4, "score": 0.3, "correct": 0.25},
            {"low": 0.5, "high": 1.0, "count": 0},
        ]
        figure = drawn(plot_reliability({"ece": 0.05, "bins": bins}))
        shares, counts = figure.axes
        assert [patch.get_height() for patch in shares.patches] == [0.25]
        assert [patch.get_height() for patch in counts.patches] == [4]
        assert "0.050" in shares.get_title("left")

    @pytest.mark.parametrize("calibration", [{}, {"ece": 0.0, "bins": []}])
    def test_without_detections(self, calibration):
        assert "nothing is detected" in drawn(plot_reliability(calibration)).axes[0].get_title("left")
