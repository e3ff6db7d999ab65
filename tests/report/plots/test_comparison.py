"""The comparison's plot says no more than the figures do."""

import io

import numpy as np
import pytest
from PIL import Image

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


def rendered(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def panel(figure, name):
    return figure.axes[list(PANELS).index(name)]


def trade_off(figure):
    return figure.axes[len(PANELS)]


def test_the_numbers_stand_beside_the_bars():
    figure = plot_comparison(ROWS)
    shown = texts(figure)
    assert {"0.800", "0.700", "0.750", "400", "20.0  (20.0x faster)", "25.0", "900", "200"} <= set(shown)
    assert not any("smaller" in text for text in shown)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "teacher\ntorch 2 cpu",
        "student_onnx\nonnxruntime 1 cpu",
    ]
    assert rendered(figure).std() > 0


def test_runtimes_and_given_boxes_are_named():
    given = TEACHER | {"runtime": "torch 2 cpu, true boxes given"}
    labels = [label.get_text() for label in plot_comparison([given]).axes[0].get_yticklabels()]
    assert labels == ["teacher\ntorch 2 cpu\ntrue boxes given"]


def test_times_of_two_devices_are_not_divided():
    shown = texts(plot_comparison([TEACHER | {"device": "cuda", "size_mb": 50.0}, STUDENT]))
    assert {"20.0", "25.0  (2.0x smaller)"} <= set(shown)
    assert not any("faster" in text for text in shown)


def test_the_memory_of_a_graphics_card_has_a_bar():
    memory = panel(plot_comparison([TEACHER | {"peak_gpu_memory_mb": 333.0}, STUDENT]), "memory")
    assert [text.get_text() for text in memory.get_legend().get_texts()] == ["process", "GPU"]
    assert "333" in [text.get_text() for text in memory.texts]
    assert panel(plot_comparison(ROWS), "memory").get_legend() is None


def test_boxes_only():
    assert plot_comparison(ROWS[1:]).axes[0].get_legend() is None


def test_no_rows():
    with pytest.raises(ValueError, match="expected at least one artefact"):
        plot_comparison([])


@pytest.mark.parametrize("accuracy", [0.014, 0.5, 0.99])
def test_the_axis_of_accuracy_goes_from_0_to_1_whatever_was_reached(accuracy):
    """A bar is as long as it says: 0.014 does not fill the panel."""
    rows = [{**STUDENT, "box_map50": accuracy}]
    accuracies = panel(plot_comparison(rows), "accuracy")
    assert [(label.get_position()[0], label.get_text()) for label in accuracies.get_xticklabels()] == [
        (0, "0"), (0.5, "0.5"), (1, "1")
    ]  # fmt: skip
    low, high = accuracies.get_xlim()
    assert (low, high) == panel(plot_comparison([STUDENT]), "accuracy").get_xlim()
    assert low == 0
    assert high > 1
    assert trade_off(plot_comparison(rows)).get_ylim() == (0, 1)


@pytest.mark.parametrize(
    "blind",
    [
        {"box_map50": 0.0},
        {"box_map50": 0.014},
        {"box_map50": 0.3, "at_threshold": {"threshold": "recommended", "found": 0, "objects": 40}},
    ],
)
def test_what_finds_nothing_is_not_called_fast(blind):
    shown = texts(plot_comparison([TEACHER | {"size_mb": 50.0}, STUDENT | blind]))
    assert not any("faster" in text or "smaller" in text for text in shown)
    assert any("student_onnx" in text and "finds next to nothing" in text for text in shown)
    against = texts(plot_comparison([TEACHER | blind | {"mask_map50": 0.0, "size_mb": 50.0}, STUDENT]))
    assert not any("faster" in text or "smaller" in text for text in against)


def test_a_disturbed_time_is_written_and_leaves_the_other_bars_their_length():
    disturbed = STUDENT | {"latency_ms_median": 24.5, "latency_ms_p95": 2773.0}
    latency = panel(plot_comparison([TEACHER, disturbed]), "latency")
    assert "24.5  (p95 2,773: disturbed)  (16.3x faster)" in [text.get_text() for text in latency.texts]
    assert latency.get_xlim()[1] < 2 * TEACHER["latency_ms_p95"]
    quiet = panel(plot_comparison(ROWS), "latency")
    assert not any("disturbed" in text.get_text() for text in quiet.texts)


def test_intervals_are_drawn_and_written():
    rows = [TEACHER | {"intervals": {"box_map50": [0.71, 0.86]}}, STUDENT]
    figure = plot_comparison(rows)
    assert {"0.800  (0.71 to 0.86)", "0.700", "0.750"} <= set(texts(figure))
    assert panel(figure, "accuracy").get_xlabel().endswith("lines: 95 % intervals")
    (line,) = panel(figure, "accuracy").collections
    np.testing.assert_allclose(np.sort(line.get_segments()[0][:, 0]), [0.71, 0.86])
    assert "interval" not in panel(plot_comparison(ROWS), "accuracy").get_xlabel()
    assert "95 % interval" in trade_off(figure).get_ylabel()


def test_what_is_told_stands_below():
    figure = plot_comparison(ROWS, ["not distinguishable from student: student_onnx"])
    assert figure.get_supxlabel() == "not distinguishable from student: student_onnx"


def test_a_long_sentence_is_wrapped_within_the_figure():
    names = ", ".join(f"student_onnx_tensorrt_{n} -0.6 (-1.1 to -0.1)" for n in range(13))
    figure = plot_comparison(ROWS, [f"box mAP50 against student: {names}"])
    rendered(figure)
    assert figure._supxlabel.get_window_extent().x1 <= figure.bbox.x1
    assert figure.get_supxlabel().replace("\n", " ").endswith(names)


class TestTradeOff:
    def points(self, figure):
        """Latency, accuracy and area of each point."""
        points = [(*offset, area) for found in trade_off(figure).collections if hasattr(found, "get_sizes")
                  for offset, area in zip(found.get_offsets(), found.get_sizes(), strict=True)]  # fmt: skip
        return sorted(tuple(map(float, point)) for point in points)

    def test_each_artefact_is_a_point_with_its_size_as_area(self):
        small = STUDENT | {"artefact": "student_onnx_int8", "size_mb": 5.0, "latency_ms_median": 10.0}
        found = self.points(plot_comparison([*ROWS, small]))
        assert [(x, pytest.approx(y)) for x, y, _ in found] == [(10, 0.75), (20, 0.75), (400, 0.8)]
        assert found[1][2] / found[0][2] == pytest.approx(5)

    def test_the_line_joins_what_no_other_beats_on_its_device(self):
        slow = STUDENT | {"artefact": "slow", "latency_ms_median": 30.0, "box_map50": 0.5}
        blind = STUDENT | {"artefact": "blind", "latency_ms_median": 1.0, "box_map50": 0.01}
        other = STUDENT | {"artefact": "gpu", "latency_ms_median": 2.0, "box_map50": 0.9, "device": "cuda"}
        axes = trade_off(plot_comparison([*ROWS, slow, blind, other]))
        lines = [list(zip(*line.get_data(), strict=True)) for line in axes.get_lines()]
        assert [[(float(x), float(y)) for x, y in line] for line in lines] == [[(20, 0.75), (400, 0.8)], [(2, 0.9)]]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["cpu", "cuda"]

    def test_every_name_stands_beside_its_point_or_in_a_list(self):
        crowd = [STUDENT | {"artefact": f"student_{n}", "latency_ms_median": 20.0 + n / 9} for n in range(14)]
        figure = plot_comparison([TEACHER, *crowd])
        assert [text.get_text() for text in trade_off(figure).texts] == [str(n) for n in range(1, 16)]
        (listed,) = figure.axes[len(PANELS) + 1].texts
        assert [line.split()[1] for line in listed.get_text().splitlines()] == [
            *(row["artefact"] for row in crowd), "teacher"
        ]  # fmt: skip
        few = plot_comparison(ROWS)
        assert {text.get_text() for text in trade_off(few).texts} == {"teacher  20.0 MB", "student_onnx  25.0 MB"}

    def test_masks_alone_and_rows_without_a_time(self):
        masks = {name: value for name, value in TEACHER.items() if name != "box_map50"}
        assert trade_off(plot_comparison([masks])).get_ylabel() == "mask mAP50"
        untimed = {name: value for name, value in TEACHER.items() if not name.startswith("latency")}
        assert "no artefact has both" in texts(plot_comparison([untimed]))
