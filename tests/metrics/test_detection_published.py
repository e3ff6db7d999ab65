import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import decode_segmentation, segmentation_to_rle
from gsam_edge.metrics.detection import COCO_FIGURES, evaluate_coco, evaluate_predictions
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xywh_to_xyxy
from gsam_edge.vision.masks import masks_to_xyxy
from support.detections import packed

GOLDEN = Path(__file__).parents[2].parent / "shared" / "data" / "eval_golden"


def complete(truth, records, iou_type):
    """Records as `evaluate_coco` takes them: masks as RLE, with an area."""
    image_hw = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    for record in records:
        if iou_type == "segm":
            shape = segmentation_to_rle(record["segmentation"], image_hw[record["image_id"]])
            yield {"iscrowd": 0, "area": coco_mask.area(shape), **record, "segmentation": shape}
        else:
            yield {"iscrowd": 0, "area": record["bbox"][2] * record["bbox"][3], **record}


def published(truth, results, iou_type):
    complete_truth = {**truth, "annotations": list(complete(truth, truth["annotations"], iou_type))}
    return evaluate_coco(complete_truth, list(complete(truth, results, iou_type)), iou_type)


def detections_of_results(truth, results, iou_type):
    grouped = {}
    for result in results:
        grouped.setdefault(result["image_id"], []).append(result)
    predictions = {}
    for image_id, records in grouped.items():
        image = truth.image_by_id[image_id]
        image_hw = (image["height"], image["width"])
        masks = None
        if iou_type == "segm":
            masks = np.stack([decode_segmentation(record["segmentation"], image_hw) for record in records])
        predictions[image_id] = Detections(
            masks_to_xyxy(masks) if iou_type == "segm" else xywh_to_xyxy([record["bbox"] for record in records]),
            np.array([record["score"] for record in records], np.float32),
            np.array([truth.class_id_of_category[record["category_id"]] for record in records], np.int64),
            masks,
        )
    return predictions


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the published example is not at {GOLDEN}")
class TestPublishedFigures:
    @pytest.fixture(scope="class")
    def golden(self):
        return json.loads((GOLDEN / "expected_values.json").read_text())

    @pytest.mark.parametrize("iou_type", ["bbox", "segm"])
    def test_all_twelve_on_coco_val2014(self, golden, iou_type):
        example = golden["coco_val2014_100"]
        truth = json.loads((GOLDEN / example["gt"]).read_text())
        results = json.loads((GOLDEN / example[f"dt_{iou_type}"]).read_text())
        evaluation = published(truth, results, iou_type)
        expected = dict(zip(COCO_FIGURES, (example[iou_type][key] for key in example["keys"]), strict=True))
        assert evaluation.figures == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize("iou_type", ["bbox", "segm"])
    def test_all_twelve_through_annotations_and_detections(self, golden, iou_type):
        example = golden["coco_val2014_100"]
        truth = Annotations.from_coco(json.loads((GOLDEN / example["gt"]).read_text()))
        results = json.loads((GOLDEN / example[f"dt_{iou_type}"]).read_text())
        evaluation = evaluate_predictions(truth, packed(detections_of_results(truth, results, iou_type)), iou_type)
        expected = dict(zip(COCO_FIGURES, (example[iou_type][key] for key in example["keys"]), strict=True))
        # The example's boxes were made to meet IoU thresholds exactly; in the float32 of Detections some fall below.
        assert evaluation.figures == pytest.approx(expected, abs=1e-6 if iou_type == "segm" else 2e-3)

    def test_masks_only_example_with_figures_that_do_not_apply(self, golden):
        example = golden["gt_dataset_segm"]
        truth = json.loads((GOLDEN / example["gt"]).read_text())
        results = json.loads((GOLDEN / "tests/dataset/dt_dataset.json").read_text())
        for result in results:
            result.pop("bbox", None)
        keys = golden["coco_val2014_100"]["keys"]
        expected = {name: example[key] for name, key in zip(COCO_FIGURES, keys, strict=True) if example[key] != -1}
        assert published(truth, results, "segm").figures == pytest.approx(expected, abs=1e-6)
