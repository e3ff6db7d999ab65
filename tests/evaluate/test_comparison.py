import io
import json

import numpy as np
import pytest
from rich.console import Console

from gsam_edge.coco.annotations import Annotations
from gsam_edge.evaluate.comparison import comparison_frame, comparison_row, console_table
from gsam_edge.evaluate.measure import Measurement
from gsam_edge.vision import Detections

PROMISED = {
    "artefact",
    "runtime",
    "box_map50",
    "box_map50_95",
    "mask_map50",
    "mask_map50_95",
    "mask_iou",
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


def measured(truth, predictions=None, latency=10.0):
    predictions = predictions or [truth.truth(image["id"]) for image in truth.images]
    return Measurement(predictions, latency, 2 * latency, 123.4, timed_calls=20, threads=2)


def row(truth, artefact="student", **changes):
    options = {"size_mb": 12.3, "match_box_iou": 0.5}
    return comparison_row(artefact, "torch CPU", truth, measured(truth, **changes), **options)


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
        assert PROMISED - set(figures) == {"mask_map50", "mask_map50_95", "mask_iou"}
        assert set(figures["per_class"]["a"]) == {"box_map50"}

    def test_a_model_that_finds_nothing_scores_zero(self):
        truth = annotations(masks=True)
        figures = row(truth, predictions=[Detections.empty(mask_hw=(40, 60))] * 2)
        assert figures["box_map50"] == figures["mask_map50"] == 0
        assert "mask_iou" not in figures

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
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(console_table(rows))
    lines = console.file.getvalue().splitlines()
    teacher = next(line for line in lines if "teacher" in line).split("│")
    student = next(line for line in lines if "student" in line).split("│")
    assert [cell.strip() for cell in teacher[3:8]] == ["1.000"] * 5
    assert [cell.strip() for cell in student[3:8]] == ["1.000", "1.000", "-", "-", "-"]
    assert student[9].strip() == "8.0"


def test_rows_can_come_from_json_with_other_keys():
    figures = json.loads(json.dumps(row(annotations(masks=True)))) | {"note": "kept beside"}
    assert len(comparison_frame([figures])) == 1
    assert np.isclose(comparison_frame([figures])["box_map50"][0], 1)
