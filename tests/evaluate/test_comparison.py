import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.comparison import comparison_frame, comparison_row
from gsam_edge.hooks.summary import TABLE_WIDTH
from gsam_edge.metrics.figures import FIGURES
from gsam_edge.metrics.measured import Measurement
from gsam_edge.report.sections.comparison import comparison_summary
from gsam_edge.vision import Detections

PROMISED = {
    "artefact",
    "runtime",
    "device",
    "images",
    "objects",
    "score_threshold",
    "box_map50",
    "box_map50_95",
    "mask_map50",
    "mask_map50_95",
    "mask_iou",
    "mask_iou_compared",
    "mask_iou_objects",
    "size_mb",
    "latency_ms_median",
    "latency_ms_p95",
    "peak_memory_mb",
}


def annotations(*, masks):
    def shape(left):
        polygon = {"segmentation": [[left, 5, left + 10, 5, left + 10, 15, left, 15]]}
        return {"bbox": [left, 5, 10, 10], "area": 100} | (polygon if masks else {})

    return Annotations.from_coco(
        {
            "images": [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 60} for i in (8, 4)],
            "annotations": [
                {"id": row, "image_id": i, "category_id": c, "iscrowd": 0, **shape(left)}
                for row, (i, c, left) in enumerate([(8, 1, 0), (8, 2, 30), (4, 1, 20)])
            ],
            "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "unseen"}],
        }
    )


def measured(truth, predictions=None, latency=10.0, gpu_memory=None):
    predictions = predictions or [truth.truth(image["id"]) for image in truth.images]
    packed = [PackedDetections.pack(found) for found in predictions]
    return Measurement(packed, latency, 2 * latency, 123.4, 20, 2, peak_gpu_memory_mb=gpu_memory)


def row(truth, artefact="student", *, device="cpu", score_threshold=0.001, **changes):
    options = {"device": device, "score_threshold": score_threshold, "size_mb": 12.3, "match_box_iou": 0.5}
    return comparison_row(artefact, f"torch {device}", truth, measured(truth, **changes), **options)


def printed(rows):
    """The lines of the console table, each as its cells."""
    console = Console(file=io.StringIO(), width=220, color_system=None)
    console.print(comparison_summary(rows))
    return [re.split(r"\s{2,}", line.strip()) for line in console.file.getvalue().splitlines()]


class TestRow:
    def test_the_promised_keys(self):
        figures = row(annotations(masks=True))
        assert set(figures) >= PROMISED
        assert [figures[name] for name in PROMISED if "map" in name] == pytest.approx([1] * 4)
        assert figures["mask_iou"] == 1
        assert figures["per_class"] == {
            "a": {"box_map50": pytest.approx(1), "mask_map50": pytest.approx(1)},
            "b": {"box_map50": pytest.approx(1), "mask_map50": pytest.approx(1)},
        }

    def test_what_does_not_apply_is_absent(self):
        figures = row(annotations(masks=False))
        assert PROMISED - set(figures) == {
            "mask_map50",
            "mask_map50_95",
            "mask_iou",
            "mask_iou_compared",
            "mask_iou_objects",
        }
        assert set(figures["per_class"]["a"]) == {"box_map50"}

    def test_a_model_that_finds_nothing_scores_zero(self):
        truth = annotations(masks=True)
        figures = row(truth, predictions=[Detections.empty(mask_hw=(40, 60))] * 2)
        assert figures["box_map50"] == figures["mask_map50"] == 0
        assert "mask_iou" not in figures

    def test_the_mask_iou_of_what_was_found_says_of_how_much(self):
        truth = annotations(masks=True)
        figures = row(truth, predictions=[truth.truth(8).select(np.array([0])), Detections.empty(mask_hw=(40, 60))])
        assert (figures["mask_iou"], figures["mask_iou_compared"], figures["mask_iou_objects"]) == (1, 1, 3)

    def test_it_says_over_what_and_from_which_score(self):
        truth = annotations(masks=True)
        crowd = {"id": 9, "image_id": 4, "category_id": 1, "iscrowd": 1, "bbox": [0, 0, 5, 5], "area": 25}
        figures = row(Annotations(truth.images, (*truth.objects, crowd), truth.categories), score_threshold=0.02)
        assert (figures["images"], figures["objects"], figures["score_threshold"]) == (2, 3, 0.02)
        assert "score_threshold" not in row(truth, score_threshold=None)

    @pytest.mark.parametrize("crowds", [0, 2])
    def test_a_split_without_objects_is_refused(self, crowds):
        truth = annotations(masks=False)
        objects = tuple({**record, "iscrowd": 1} for record in truth.objects[:crowds])
        with pytest.raises(InvalidDatasetError, match="test split: expected at least one object in 2 images, got none"):
            row(Annotations(truth.images, objects, truth.categories))

    def test_it_is_json(self):
        figures = row(annotations(masks=True))
        assert json.loads(json.dumps(figures)) == figures

    def test_one_prediction_per_image(self):
        with pytest.raises(ValueError, match="expected one for each of 2 different image ids"):
            row(annotations(masks=True), predictions=[Detections.empty()])


class TestFrame:
    def rows(self):
        truth = annotations(masks=True)
        return [
            row(truth, "teacher", latency=100.0),
            row(truth, "student", latency=8.0),
            row(annotations(masks=False), "student_onnx", latency=5.04),
        ]

    def test_order_rounding_and_ratios(self):
        frame = comparison_frame(self.rows())
        assert frame["artefact"].tolist() == ["teacher", "student", "student_onnx"]
        assert frame["latency_ms_median"].tolist() == [100, 8, 5.0]
        assert frame["times_faster"].tolist() == [1, 12.5, 19.84]
        assert frame["box_map50_kept"].tolist() == [1, 1, 1]
        assert frame["mask_map50"].isna().tolist() == [False, False, True]

    def test_times_of_two_devices_are_not_divided(self):
        truth = annotations(masks=True)
        rows = [
            row(truth, "teacher", device="cuda", latency=100.0, gpu_memory=900.0),
            row(truth, "student", device="cuda", latency=8.0, gpu_memory=300.0),
            row(truth, "student_onnx", latency=5.0),
        ]
        frame = comparison_frame(rows)
        assert frame["times_faster"].tolist()[:2] == [1, 12.5]
        assert frame["times_faster"].isna().tolist() == [False, False, True]
        assert frame["times_smaller"].tolist() == [1, 1, 1]
        assert frame["device"].tolist() == ["cuda", "cuda", "cpu"]
        assert frame["peak_gpu_memory_mb"].tolist()[:2] == [900, 300]
        assert "peak_gpu_memory_mb" not in comparison_frame(rows[2:])

    def test_what_finds_nothing_is_neither_faster_nor_smaller(self):
        """Not beside a teacher, and nothing is beside a teacher that finds nothing."""
        truth = annotations(masks=True)
        nothing = [Detections.empty(mask_hw=(40, 60))] * 2
        teacher = row(truth, "teacher", latency=100.0) | {"size_mb": 50.0}
        frame = comparison_frame([teacher, row(truth), row(truth, "blind", predictions=nothing)])
        for name in ("times_faster", "times_smaller"):
            assert frame[name].isna().tolist() == [False, False, True]
        assert frame["box_map50_kept"].tolist() == [1, 1, 0]
        blind = comparison_frame([row(truth, "teacher", predictions=nothing), row(truth)])
        assert not any(name.startswith("times") for name in blind)

    def test_intervals_and_what_is_missed_have_columns(self):
        known = row(annotations(masks=True)) | {
            "intervals": {"box_map50": [0.71234, 0.9]},
            "at_threshold": {
                "found": 2,
                "objects": 3,
                "per_100_images": {"found": 1, "missed": 26.66, "false_alarms": 7},
            },
        }
        frame = comparison_frame([known])
        assert frame["box_map50_low"].tolist() == [0.712]
        assert frame["box_map50_high"].tolist() == [0.9]
        assert frame["missed_per_100_images"].tolist() == [26.7]
        assert frame["false_alarms_per_100_images"].tolist() == [7]
        assert "found_per_100_images" not in frame

    def test_what_was_measured_over_stands_beside(self):
        frame = comparison_frame(self.rows())
        assert frame["score_threshold"].tolist() == [0.001] * 3
        assert frame["images"].tolist() == [2, 2, 2]
        assert frame["mask_iou_compared"].tolist()[:2] == [3, 3]

    def test_without_the_reference(self):
        frame = comparison_frame(self.rows()[1:])
        assert not any(name.startswith("times") for name in frame)

    def test_a_column_that_nobody_has_is_left_out(self):
        frame = comparison_frame([row(annotations(masks=False))])
        assert "mask_map50" not in frame
        assert "box_map50" in frame

    def test_a_reference_that_found_nothing_gives_no_share(self):
        truth = annotations(masks=True)
        blind = row(truth, "teacher", predictions=[Detections.empty(mask_hw=(40, 60))] * 2)
        frame = comparison_frame([blind, row(truth)])
        assert "box_map50_kept" not in frame


def test_console_table():
    truth = annotations(masks=True)
    rows = [row(truth, "teacher", latency=100.0), row(annotations(masks=False), "student", latency=8.0)]
    lines = printed(rows)
    assert lines[0] == ["Comparison on the test split: 2 images, 3 objects"]
    teacher, student = (next(line for line in lines if name in line) for name in ("teacher", "student"))
    assert teacher[1:6] == ["1.000"] * 5
    assert lines[lines.index(teacher) + 1] == ["torch cpu", "3/3"]
    assert student[1:6] == ["1.000", "1.000", "-", "-", "-"]
    assert student[7] == "8.0"


def test_a_narrow_console_cuts_no_name_and_no_number():
    """At the width of a file or a pipe, with every column there can be."""
    truth = annotations(masks=True)
    rows = [
        row(truth, name, device="cuda", latency=1234.5, gpu_memory=12345.0)
        | {"peak_memory_mb": 12345.0, "size_mb": 123.4, "mask_iou_compared": 12345, "mask_iou_objects": 12345}
        | {"runtime": "onnxruntime 1.31.1 cpu, true boxes given", "latency_disturbed": True}
        | {"intervals": {figure: [0.123, 1.0] for figure in FIGURES if "map" in figure or figure == "mask_iou"}}
        for name in ("teacher", "student_onnx_int8")
    ]
    console = Console(file=io.StringIO(), width=TABLE_WIDTH, color_system=None)
    console.print(comparison_summary(rows))
    lines = console.file.getvalue().splitlines()
    shown = "\n".join(lines)
    assert shown.count("0.12-1.00") == 10
    assert "…" not in shown
    for text in ("student_onnx_int8", "mAP50-95", "of found", "1234.5", "12345/12345", "true boxes given"):
        assert text in shown


def test_the_mask_iou_of_what_was_found_has_no_best_value():
    """One object of three, drawn perfectly, is not better than three."""
    truth = annotations(masks=True)
    one = [truth.truth(8).select(np.array([0])), Detections.empty(mask_hw=(40, 60))]
    whole = [replace(found, masks=found.masks & (np.arange(60) % 10 < 8)) for found in map(truth.truth, (8, 4))]
    table = comparison_summary([row(truth, "one", predictions=one), row(truth, "all", predictions=whole)])
    cells = {str(column.header): list(column.cells) for column in table.columns}
    assert cells["mask IoU\nof found"] == ["1.000\n1/3", "0.800\n3/3"]
    assert cells["box\nmAP50"][1] == "[bold green]1.000[/]"


def test_the_memory_of_a_graphics_card_has_a_column_where_one_was_used():
    truth = annotations(masks=True)
    rows = [row(truth, "teacher", device="cuda", gpu_memory=900.0), row(truth, "student")]
    assert [column.header for column in comparison_summary(rows).columns][-1] == "GPU MB\npeak"
    teacher, student = (next(line for line in printed(rows) if name in line) for name in ("teacher", "student"))
    assert (teacher[-1], student[-1]) == ("900", "-")
    assert [column.header for column in comparison_summary(rows[1:]).columns][-1] == "memory\nMB peak"


def test_rows_can_come_from_json_with_other_keys():
    figures = json.loads(json.dumps(row(annotations(masks=True)))) | {"note": "kept beside"}
    assert len(comparison_frame([figures])) == 1
    assert np.isclose(comparison_frame([figures])["box_map50"][0], 1)
