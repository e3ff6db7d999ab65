"""Every entry of FIGURES holds together with what goes through it: rows, table, plot, console and docs."""

from pathlib import Path

import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.comparison import comparison_frame, comparison_row
from gsam_edge.metrics.figures import FIGURES, PANELS, RATIOS, count_names, figures_of
from gsam_edge.metrics.measured import EvaluatedDetector, Measurement
from gsam_edge.report.plots.comparison import plot_comparison
from gsam_edge.report.sections.comparison import comparison_summary
from gsam_edge.vision import Detections

DOCS = (Path(__file__).parents[2] / "docs" / "figures.md").read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def row():
    """Of a detector with boxes, masks and a GPU: it has every figure."""
    image = {"id": 1, "file_name": "1.png", "width": 30, "height": 20}
    square = [[2, 2, 12, 2, 12, 12, 2, 12]]
    record = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [2, 2, 10, 10], "area": 100, "segmentation": square}
    truth = Annotations((image,), (record,), ({"id": 7, "name": "ear"},))
    mask = np.zeros((1, 20, 30), bool)
    mask[0, 2:12, 2:12] = True
    xyxy = np.array([[2, 2, 12, 12]], np.float32)
    found = Detections(xyxy, np.ones(1, np.float32), np.zeros(1, np.int64), mask)
    measurement = Measurement([PackedDetections.pack(found)], 8.0, 9.0, 100.0, 20, 2, peak_gpu_memory_mb=300.0)
    return comparison_row(
        "teacher", "torch cuda", truth, measurement,
        device="cuda", score_threshold=0.001, size_mb=12.3, match_box_iou=0.5,
    )  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_in_row_table_console_and_docs(name, row):
    figure = FIGURES[name]
    assert isinstance(row[name], float)
    assert comparison_frame([row])[name].tolist() == [round(row[name], figure.decimals)]
    if figure.heading:
        assert figure.heading in [column.header for column in comparison_summary([row]).columns]
        assert figure.heading.count("\n") == 1, "headings are two lines high"
    (line,) = [line for line in DOCS if line.startswith(f"| `{name}` |")]
    assert line.split("|")[2].strip() == (figure.better or "none is named")


def test_a_row_holds_no_other_figures(row):
    conditions = {"artefact", "runtime", "device", "images", "objects", "score_threshold", "timed_calls", "threads"}
    assert row.keys() - conditions == {*FIGURES, *count_names("mask_iou"), "per_class"}
    assert {name for figures in row["per_class"].values() for name in figures} == {
        name for name, figure in FIGURES.items() if figure.per_class
    }


def test_bars_stand_in_panels_and_ratios_are_of_figures(row):
    figure = plot_comparison([row])
    shown = {
        (panel, text.rpartition("<br>")[2])
        for number, panel in enumerate(PANELS, start=2)
        for drawn in figure.data
        if drawn.type == "bar" and drawn.xaxis == f"x{number}"
        for text in drawn.hovertext
    }
    for known in FIGURES.values():
        if known.bar is not None:
            assert any(panel == known.bar.panel and text.startswith(known.bar.label) for panel, text in shown)
            assert known.bar.line_to is None or known.bar.line_to in FIGURES
    for ratio in RATIOS:
        assert ratio.figure in FIGURES
        assert FIGURES[ratio.figure].better is not None
        assert ratio.of(row, row) == 1
        assert any(line.startswith(f"| `{ratio.name}` |") for line in DOCS)


def test_what_is_measured_of_every_artefact_needs_no_task():
    assert {figure.name for figure in figures_of("another task")} == {
        "size_mb", "latency_ms_median", "latency_ms_p95", "fps", "peak_memory_mb", "peak_gpu_memory_mb"
    }  # fmt: skip
    assert [figure.name for figure in figures_of(EvaluatedDetector.task)] == list(FIGURES)
