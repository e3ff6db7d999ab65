"""The plot of the teachers' trainings shows what was logged, and the reason for what it does not show."""

import pytest
from plotly.io import from_json

from gsam_edge.report.plots.curves import plot_teacher_curves

LOSSES = {"train_loss": [(step, 1 / step) for step in range(1, 301)], "dice": [(1, 0.5), (2, 0.25)]}
VALIDATION = {"val_map50": [(50, 0.3), (100, 0.4)]}
RATE = {"learning_rate": [(1, 0.1)]}


def drawn(curves, absent):
    """The plot as it is read from its file."""
    text = plot_teacher_curves(curves, absent).to_json()
    assert "bdata" not in text, "kedro-viz's plotly.js reads plain numbers"
    return from_json(text)


def written(figure) -> list[str]:
    return [each.text for each in figure.layout.annotations if each.text != "<b>Tuning of the teachers</b>"]


def named(figure):
    """The curves by what the legend says of them."""
    return {trace.name: trace for trace in figure.data if trace.name}


def test_curves_have_a_panel_for_each_kind_that_was_logged():
    figure = drawn({"yolo": LOSSES | VALIDATION, "sam": {}}, {"grounding_dino": "finder is <yolo>"})
    texts = written(figure)
    titles = ["yolo: losses", "sam: losses", "yolo: validation", "sam: validation"]
    assert [text for text in texts if text.startswith("<b>")] == [f"<b>{title}</b>" for title in titles]
    assert texts.count("nothing was logged") == 2
    assert "grounding_dino: finder is &lt;yolo&gt;" in texts
    curves = named(figure)
    assert list(curves) == ["train_loss 0.00333", "dice 0.25", "map50 0.4"]
    assert (curves["dice 0.25"].x, curves["dice 0.25"].y) == ((1, 2), (0.5, 0.25))
    assert {trace.legendgroup for trace in curves.values()} == {"yolo: losses", "yolo: validation"}
    rates = drawn({"yolo": LOSSES | VALIDATION | RATE}, {})
    assert [text.split(": ")[1] for text in written(rates)] == [
        "losses</b>", "learning rate</b>", "validation</b>",
    ]  # fmt: skip


def test_a_long_curve_is_the_mean_of_stretches_over_a_band_of_their_extremes():
    points = [(step, float(step % 10)) for step in range(1, 601)]
    figure = drawn({"sam": {"train_loss": points}}, {})
    band, curve = figure.data
    assert len(curve.x) == 60
    assert set(curve.y) == {4.5}
    assert (curve.x[0], curve.x[-1]) == (5.5, 595.5)
    assert (set(band.y), band.fill) == ({0, 9}, "toself")
    assert curve.name == "train_loss 0"
    assert curve.hovertext[0] == "train_loss 4.5 (0 to 9)<br>steps 1 to 10"


@pytest.mark.parametrize("count", [1, 120, 121, 1000])
def test_every_point_is_in_one_stretch(count):
    figure = drawn({"sam": {"train_loss": [(step, 1.0) for step in range(count)]}}, {})
    curve = figure.data[-1]
    assert (len(figure.data), len(curve.x)) == ((1, count) if count <= 120 else (2, 60))
    assert set(curve.y) == {1.0}


def test_without_a_training_the_reasons_stand_alone():
    figure = drawn({}, {"sam": "is used as it is", "yolo": "not asked for"})
    assert written(figure) == ["sam: is used as it is<br>yolo: not asked for"]
    assert figure.layout.xaxis.visible is False
