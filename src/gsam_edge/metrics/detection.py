"""The twelve COCO figures, computed by faster-coco-eval.

It was chosen over pycocotools because its figures are the same (on the published example and on random data, see the
tests) at a third of the time. Definitions: Lin et al. 2014, "Microsoft COCO: Common Objects in Context", and
https://cocodataset.org/#detection-eval.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from pycocotools import mask as coco_mask

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.geometry.segmentation import encode_mask, segmentation_to_rle
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xyxy_to_xywh

IouType: TypeAlias = Literal["bbox", "segm"]

#: The figures in COCO's order: mean average precision and mean average recall, areas in pixels, recall at 1, 10, 100 an
#: image.
COCO_FIGURES = (
    "map50_95",
    "map50",
    "map75",
    "map_small",
    "map_medium",
    "map_large",
    "mar_1",
    "mar_10",
    "mar_100",
    "mar_small",
    "mar_medium",
    "mar_large",
)
_ALL_AREAS, _MOST_DETECTIONS, _IOU_50 = 0, -1, 0


@dataclass(frozen=True)
class CocoEvaluation:
    """The outcome of one COCO evaluation.

    Attributes:
        figures: names of `COCO_FIGURES` to values in 0..1; a figure without objects (no small ones, say) is absent.
        map50_of_category: COCO category ids to average precision at IoU 0.5; categories without objects are absent.
    """

    figures: dict[str, float]
    map50_of_category: dict[int, float]


def evaluate_coco(truth: Mapping[str, Any], results: Sequence[Mapping[str, Any]], iou_type: IouType) -> CocoEvaluation:
    """COCO's evaluation of plain records.

    Crowd regions count as COCO does it: a detection inside one is neither right nor wrong.

    Args:
        truth: a COCO mapping; its annotations hold `image_id`, `category_id`, `iscrowd`, `area`, and `bbox` or
            `segmentation`.
        results: COCO result records with `image_id`, `category_id`, `score`, and `bbox` (xywh pixels) or
            `segmentation`.
        iou_type: "bbox" compares boxes, "segm" masks.

    Raises:
        ValueError: if a result speaks of an image or a category that the truth does not know.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    known = {
        "image_id": {image["id"] for image in truth["images"]},
        "category_id": {category["id"] for category in truth["categories"]},
    }
    for key, ids in known.items():
        unknown = sorted({result[key] for result in results} - ids)
        if unknown:
            raise ValueError(
                f"predictions: expected only {key}s of the truth ({len(ids)} of them), got also {unknown[:5]}"
            )

    image_hw = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}

    def dataset(records: Iterable[Mapping[str, Any]]) -> Any:
        # Ids from 1: COCO's matching takes the id 0 for "not matched".
        shaped = [_shaped(record, iou_type, image_hw[record["image_id"]]) for record in records]
        return COCO({**truth, "annotations": [{**record, "id": row} for row, record in enumerate(shaped, start=1)]})

    found = [{**result, "area": None, "iscrowd": 0} for result in results]
    evaluation = COCOeval_faster(dataset(truth["annotations"]), dataset(found), iou_type, print_function=_silent)
    evaluation.run()
    figures = dict(zip(COCO_FIGURES, (float(value) for value in evaluation.stats), strict=False))
    precision = evaluation.eval["precision"]  # [IoU threshold, recall, category, area range, most detections]
    per_category = {
        int(category_id): float(precision[_IOU_50, :, column, _ALL_AREAS, _MOST_DETECTIONS].mean())
        for column, category_id in enumerate(evaluation.params.catIds)
    }
    return CocoEvaluation(
        {name: value for name, value in figures.items() if value >= 0},
        {category_id: value for category_id, value in per_category.items() if value >= 0},
    )


def evaluate_predictions(
    truth: Annotations, predictions: Mapping[int, Detections], iou_type: IouType
) -> CocoEvaluation | None:
    """COCO's evaluation of predictions for the images of a split.

    For "bbox", an object that has only a mask counts with the tight box of its mask. For "segm", an object that has
    only a box in a dataset with masks is a region where masks cannot be judged: it counts as a crowd region of its box.

    Args:
        truth: the split; every one of its images counts.
        predictions: image ids to Detections; an image without an entry has no predictions.
        iou_type: "bbox" compares boxes, "segm" masks.

    Returns:
        The evaluation, or None where "segm" does not apply: the truth holds no masks, or the predictions come from a
        model without masks.

    Raises:
        ValueError: if a prediction is for an unknown image or class, has values that are no numbers, masks of another
            size than its image, or boxes without masks beside predictions with masks.
    """
    if iou_type == "segm" and not (truth.has_masks and _predicts_masks(predictions)):
        return None
    content = {
        "images": [dict(image) for image in truth.images],
        "annotations": [_truth_record(truth, record, iou_type) for record in truth.objects],
        "categories": [dict(category) for category in truth.categories],
    }
    results = [
        record
        for image_id, detections in predictions.items()
        for record in _result_records(truth, image_id, detections, iou_type)
    ]
    return evaluate_coco(content, results, iou_type)


def coco_metrics(truth: Annotations, predictions: Mapping[int, Detections], iou_type: IouType) -> dict[str, float]:
    """The figures of `evaluate_predictions` (see there for arguments and errors), names of `COCO_FIGURES` to 0..1.

    A figure that does not apply is absent, and all are where "segm" does not apply; none is ever -1.
    """
    evaluation = evaluate_predictions(truth, predictions, iou_type)
    return {} if evaluation is None else evaluation.figures


def class_map50(truth: Annotations, evaluation: CocoEvaluation) -> dict[str, float]:
    """Class names to average precision at IoU 0.5 (0..1), in class order; classes without objects are absent."""
    return {
        category["name"]: evaluation.map50_of_category[category["id"]]
        for category in truth.categories
        if category["id"] in evaluation.map50_of_category
    }


def _silent(*_: Any) -> None:
    """Takes what the evaluation would print."""


def _shaped(record: Mapping[str, Any], iou_type: IouType, image_hw: tuple[int, int]) -> dict[str, Any]:
    """A record with the shape that is compared, `iscrowd`, and the area that sorts it into small, medium or large."""
    shaped = {"iscrowd": 0, **record}
    if iou_type == "segm":
        shaped["segmentation"] = segmentation_to_rle(record["segmentation"], image_hw)
        area = float(coco_mask.area(shaped["segmentation"]))
    else:
        area = float(record["bbox"][2] * record["bbox"][3])
    if shaped.get("area") is None:
        shaped["area"] = area
    return shaped


def _truth_record(truth: Annotations, record: Mapping[str, Any], iou_type: IouType) -> dict[str, Any]:
    """A truth record that has the shape to compare (see `evaluate_predictions`)."""
    complete = dict(record)
    if iou_type == "segm" and not record.get("segmentation"):
        left, top, width, height = record["bbox"]
        right, bottom = left + width, top + height
        complete |= {"segmentation": [[left, top, right, top, right, bottom, left, bottom]], "iscrowd": 1}
    if iou_type == "bbox" and not record.get("bbox"):
        image = truth.image_by_id[record["image_id"]]
        rle = segmentation_to_rle(record["segmentation"], (image["height"], image["width"]))
        complete["bbox"] = coco_mask.toBbox(rle).tolist()
    return complete


def _predicts_masks(predictions: Mapping[int, Detections]) -> bool:
    """Whether the predictions come from a model with masks; no predictions at all count as those of one."""
    with_masks = [detections.masks is not None for detections in predictions.values()]
    return any(with_masks) or not with_masks


def _result_records(
    truth: Annotations, image_id: int, detections: Detections, iou_type: IouType
) -> list[dict[str, Any]]:
    """One image's predictions as COCO result records."""
    where = f"predictions of image {image_id}"
    image = truth.image_by_id.get(image_id)
    if image is None:
        raise ValueError(f"{where}: expected one of the {len(truth.images)} images of the truth, got an unknown id")
    if not (np.isfinite(detections.xyxy).all() and np.isfinite(detections.scores).all()):
        raise ValueError(f"{where}: expected finite boxes and scores, got NaN or infinity")
    unknown = sorted({int(i) for i in detections.class_ids if not 0 <= i < truth.num_classes})
    if unknown:
        raise ValueError(f"{where}: expected class ids 0..{truth.num_classes - 1}, got {unknown}")
    records = [
        {
            "image_id": image_id,
            "category_id": truth.categories[int(class_id)]["id"],
            "score": float(score),
            "bbox": [float(value) for value in xywh],
        }
        for xywh, score, class_id in zip(
            xyxy_to_xywh(detections.xyxy), detections.scores, detections.class_ids, strict=True
        )
    ]
    if iou_type == "bbox" or not records:
        return records
    expected = (image["height"], image["width"])
    if detections.masks is None or detections.masks.shape[1:] != expected:
        got = "none" if detections.masks is None else f"masks of {detections.masks.shape[1:]}"
        raise ValueError(f"{where}: expected masks of (height, width) {expected}, got {got}")
    return [
        {**record, "segmentation": encode_mask(mask)} for record, mask in zip(records, detections.masks, strict=True)
    ]
