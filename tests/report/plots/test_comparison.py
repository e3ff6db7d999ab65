"""The comparison's plot says no more than the figures do."""

import numpy as np
import pytest
from plotly.io import from_json

from gsam_edge.metrics.figures import PANELS
from gsam_edge.report.plots.comparison import plot_comparison

ROWS = (
    {
        "artefact": "teacher",
        "runtime": "torch 2 cpu",
        "device": "cpu",
        "box_map50": 0.8,
        "mask_map50": 0.7,
        "latency_ms_median": 400.0,
        "latency_ms_p95": 500.0,
        "size_mb": 20.0,
        "peak_memory_mb": 900.0,
    },
    {
        "artefact": "student_onnx",
        "runtime": "onnxruntime 1 cpu",
        "device": "cpu",
        "box_map50": 0.75,
        "latency_ms_median": 20.0,
        "latency_ms_p95": 22.0,
        "size_mb": 25.0,
        "peak_memory_mb": 200.0,
    },
)
TEACHER, STUDENT = ROWS


def read(rows, told=()):
    """The figure as it is read from its file."""
    text = plot_comparison(rows, told).to_json()
    assert "bdata" not in text, "kedro-viz's plotly.js reads plain numbers"
    return from_json(text)


def panel(figure, name):
    """The bars of a panel."""
    axis = "x" + str(list(PANELS).index(name) + 2)
    return [trace for trace in figure.data if trace.xaxis == axis and trace.type == "bar"]


def points(figure):
    """The traces of points of the upper half, one for each device."""
    return [
        trace
        for trace in figure.data
        if trace.xaxis == "x" and trace.type == "scatter" and trace.mode == "markers+text"
    ]


def hovers(figure):
    return [text for trace in figure.data if trace.hovertext for text in trace.hovertext]


def test_the_bars_are_the_numbers_of_the_rows():
    figure = read(ROWS)
    boxes, masks = panel(figure, "accuracy")
    assert (boxes.x, masks.x) == ((0.8, 0.75), (0.7,))
    assert [panel(figure, name)[0].x for name in ("latency", "size", "memory")] == [(400, 20), (20, 25), (900, 200)]
    assert {"400", "20.0", "0.800"} <= {text.strip() for trace in figure.data for text in trace.text or ()}
    assert any("20.0  (20.0x faster)" in text for text in panel(figure, "latency")[0].hovertext)
    assert not any("smaller" in text for text in hovers(figure))
    assert figure.layout.yaxis2.ticktext == ("teacher  1", "student_onnx  2")


def test_runtimes_and_given_boxes_are_under_the_pointer_and_names_are_no_tags():
    given = TEACHER | {"artefact": "<a href='x'>t</a>", "runtime": "torch 2 cpu, true boxes given"}
    figure = read([given])
    assert all("true boxes given" in text for text in hovers(figure))
    assert not any("<a" in text for text in [*hovers(figure), *figure.layout.yaxis2.ticktext, *points(figure)[0].text])


def test_times_of_two_devices_are_not_divided():
    shown = hovers(read([TEACHER | {"device": "cuda", "size_mb": 50.0}, STUDENT]))
    assert any("25.0  (2.0x smaller)" in text for text in shown)
    assert not any("faster" in text for text in shown)


def test_the_memory_of_a_graphics_card_has_a_bar():
    figure = read([TEACHER | {"peak_gpu_memory_mb": 333.0}, STUDENT])
    assert [trace.x for trace in panel(figure, "memory")] == [(900, 200), (333,)]
    assert "GPU" in figure.layout.annotations[3].text
    assert len(panel(read(ROWS), "memory")) == 1


def test_no_rows():
    with pytest.raises(ValueError, match="expected at least one artefact"):
        plot_comparison([])


@pytest.mark.parametrize("accuracy", [0.014, 0.5, 0.99])
def test_the_axis_of_accuracy_goes_from_0_to_1_whatever_was_reached(accuracy):
    """A bar is as long as it says: 0.014 does not fill the panel."""
    layout = read([{**STUDENT, "box_map50": accuracy}]).layout
    assert layout.xaxis2.tickvals == (0, 0.5, 1)
    assert layout.xaxis2.range == read([STUDENT]).layout.xaxis2.range
    assert layout.yaxis.range == (0, 1)


@pytest.mark.parametrize(
    "blind",
    [
        {"box_map50": 0.0},
        {"box_map50": 0.014},
        {"box_map50": 0.3, "at_threshold": {"threshold": "recommended", "found": 0, "objects": 40}},
    ],
)
def test_what_finds_nothing_is_not_called_fast(blind):
    shown = hovers(read([TEACHER | {"size_mb": 50.0}, STUDENT | blind]))
    assert not any("faster" in text or "smaller" in text for text in shown)
    assert any("student_onnx" in text and "finds next to nothing" in text for text in shown)
    against = hovers(read([TEACHER | blind | {"mask_map50": 0.0, "size_mb": 50.0}, STUDENT]))
    assert not any("faster" in text or "smaller" in text for text in against)


def test_a_disturbed_time_is_said_and_leaves_the_other_bars_their_length():
    disturbed = STUDENT | {"latency_ms_median": 24.5, "latency_ms_p95": 2773.0}
    figure = read([TEACHER, disturbed])
    (latency,) = panel(figure, "latency")
    assert "24.5  (p95 2,773: disturbed)  (16.3x faster)" in latency.hovertext[1]
    np.testing.assert_allclose(latency.error_x.array, [100, 49])
    assert figure.layout.xaxis3.range[1] < 2 * TEACHER["latency_ms_p95"]
    assert not any("disturbed" in text for text in hovers(read(ROWS)))


def test_intervals_are_drawn_and_said():
    figure = read([TEACHER | {"intervals": {"box_map50": [0.71, 0.86]}}, STUDENT])
    boxes, _ = panel(figure, "accuracy")
    (above,) = points(figure)
    for line in (boxes.error_x, above.error_y):
        np.testing.assert_allclose([*line.array, *line.arrayminus], [0.06, 0, 0.09, 0])
    assert "0.800  (0.71 to 0.86)" in boxes.hovertext[0]
    assert figure.layout.yaxis.title.text.endswith("95 % interval")
    assert "interval" not in read(ROWS).layout.yaxis.title.text


def test_what_is_told_stands_below_in_lines_that_fit():
    names = ", ".join(f"student_onnx_tensorrt_{n} -0.6 (-1.1 to -0.1)" for n in range(13))
    below = read(ROWS, [f"box mAP50 against student: {names}"]).layout.annotations[-1].text.split("<br>")
    assert " ".join(below).endswith(names)
    assert max(map(len, below)) <= 150


class TestTradeOff:
    def test_each_artefact_is_a_point_with_its_size_as_area(self):
        small = STUDENT | {"artefact": "student_onnx_int8", "size_mb": 5.0, "latency_ms_median": 10.0}
        (found,) = points(read([*ROWS, small]))
        assert (found.x, found.y, found.marker.size) == ((400, 20, 10), (0.8, 0.75, 0.75), (20, 25, 5))
        assert found.marker.sizemode == "area"
        assert found.text == ("1", "2", "3")

    def test_the_line_joins_what_no_other_beats_on_its_device(self):
        slow = STUDENT | {"artefact": "slow", "latency_ms_median": 30.0, "box_map50": 0.5}
        blind = STUDENT | {"artefact": "blind", "latency_ms_median": 1.0, "box_map50": 0.01}
        other = STUDENT | {"artefact": "gpu", "latency_ms_median": 2.0, "box_map50": 0.9, "device": "cuda"}
        figure = read([*ROWS, slow, blind, other])
        lines = [trace for trace in figure.data if trace.type == "scatter" and trace.mode == "lines"]
        assert [list(zip(line.x, line.y, strict=True)) for line in lines] == [[(20, 0.75), (400, 0.8)], [(2, 0.9)]]
        assert [trace.name for trace in points(figure) if trace.showlegend] == ["cpu", "cuda"]

    def test_masks_alone_and_rows_without_a_time(self):
        masks = {name: value for name, value in TEACHER.items() if name != "box_map50"}
        assert read([masks]).layout.yaxis.title.text == "mask mAP50"
        untimed = {name: value for name, value in TEACHER.items() if not name.startswith("latency")}
        assert "no artefact has both" in [note.text for note in read([untimed]).layout.annotations]
