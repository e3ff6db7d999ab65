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
from gsam_edge.coco.geometry.segmentation import Rle, segmentation_area, segmentation_to_rle
from gsam_edge.coco.packed import PackedDetections
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
    """Runs COCO's evaluation on complete records.

    Crowd regions count as in COCO: a detection inside one is neither right nor wrong. Classes do not affect each other,
    so they are evaluated one by one: all at once would take their number times the memory.

    Args:
        truth: a COCO mapping; its annotations hold `image_id`, `category_id`, `iscrowd`, `area` (pixels; sorts into
            small, medium and large), and `bbox` (xywh pixels) or `segmentation` (RLE).
        results: likewise, with `score`.
        iou_type: "bbox" compares boxes, "segm" masks.

    Raises:
        ValueError: if a result names an image or a category that the truth does not have.
    """
    image_by_id = {image["id"]: image for image in truth["images"]}
    known = {"image_id": set(image_by_id), "category_id": {category["id"] for category in truth["categories"]}}
    for key, ids in known.items():
        unknown = sorted({result[key] for result in results} - ids)
        if unknown:
            raise ValueError(
                f"predictions: expected only {key}s of the truth ({len(ids)} of them), got also {unknown[:5]}"
            )
    true_of, found_of = by_category(truth["annotations"]), by_category(results)
    category_ids = sorted(true_of)
    if not category_ids:
        return CocoEvaluation({}, {})
    precisions, recalls = [], []
    for category_id in category_ids:
        found = found_of.get(category_id, [])
        evaluation = _evaluated(image_by_id, category_id, true_of[category_id], found, iou_type)
        precisions.append(evaluation.eval["precision"])
        recalls.append(evaluation.eval["recall"])
    # The last evaluation summarises all of them. Precision is [IoU threshold, recall, category, area range, most
    # detections]; recall has no axis for recall.
    precision = np.concatenate(precisions, axis=2)
    evaluation.eval |= {"precision": precision, "recall": np.concatenate(recalls, axis=1)}
    evaluation.summarize()
    figures = dict(zip(COCO_FIGURES, (float(value) for value in evaluation.stats), strict=False))
    per_category = {
        category_id: float(precision[_IOU_50, :, column, _ALL_AREAS, _MOST_DETECTIONS].mean())
        for column, category_id in enumerate(category_ids)
    }
    return CocoEvaluation(
        {name: value for name, value in figures.items() if value >= 0},
        {category_id: value for category_id, value in per_category.items() if value >= 0},
    )


def evaluate_predictions(
    truth: Annotations, predictions: Mapping[int, PackedDetections], iou_type: IouType
) -> CocoEvaluation | None:
    """Runs COCO's evaluation on predictions for the images of a split.

    For "bbox", an object that has only a mask counts with the tight box of its mask. For "segm", an object that has
    only a box in a dataset with masks is a region where masks cannot be judged: it counts as a crowd region of its box.

    Args:
        truth: the split; every one of its images counts.
        predictions: image ids to packed detections; an image without an entry has no predictions.
        iou_type: "bbox" compares boxes, "segm" masks.

    Returns:
        The evaluation, or None where "segm" does not apply: the truth holds no masks, or the predictions come from a
        model without masks.

    Raises:
        ValueError: if a prediction is for an unknown image or class, has NaN or infinite values, masks of another size
            than its image, or boxes without masks beside predictions with masks.
    """
    if iou_type == "segm" and not (truth.has_masks and _predicts_masks(predictions)):
        return None
    records = truth_records(truth, iou_type)
    content = {"images": truth.images, "annotations": records, "categories": truth.categories}
    return evaluate_coco(content, result_records(truth, predictions, iou_type), iou_type)


def coco_metrics(
    truth: Annotations, predictions: Mapping[int, PackedDetections], iou_type: IouType
) -> dict[str, float]:
    """Returns the figures of `evaluate_predictions` (arguments and errors as there), `COCO_FIGURES` to 0..1.

    A figure that does not apply is absent, and all are where "segm" does not apply; none is ever -1.
    """
    evaluation = evaluate_predictions(truth, predictions, iou_type)
    return {} if evaluation is None else evaluation.figures


def class_map50(truth: Annotations, evaluation: CocoEvaluation) -> dict[str, float]:
    """Returns class names to average precision at IoU 0.5 (0..1), in class order; without classes without objects."""
    return {
        category["name"]: evaluation.map50_of_category[category["id"]]
        for category in truth.categories
        if category["id"] in evaluation.map50_of_category
    }


def _silent(*_: Any) -> None:
    """Discards what the evaluation would print."""


def by_category(records: Iterable[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    """Groups records by their `category_id`, in their order."""
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["category_id"], []).append(record)
    return groups


def category_dataset(
    image_by_id: Mapping[int, Mapping[str, Any]],
    category_id: int,
    true: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the true and the found objects of one category as datasets for COCO's tools, which write into them."""
    # An image without this class, true or found, has no effect.
    image_ids = dict.fromkeys(record["image_id"] for record in (*true, *found))

    def dataset(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        # Ids from 1: COCO's matching takes the id 0 for "not matched".
        numbered = [{**record, "id": number} for number, record in enumerate(records, start=1)]
        images = [dict(image_by_id[image_id]) for image_id in image_ids]
        return {"images": images, "categories": [{"id": category_id}], "annotations": numbered}

    return dataset(true), dataset(found)


def _evaluated(
    image_by_id: Mapping[int, Mapping[str, Any]],
    category_id: int,
    true: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    iou_type: IouType,
) -> Any:
    """Evaluates one category; the result is the library's, which can summarise several."""
    from faster_coco_eval import COCO, COCOeval_faster

    pair = [COCO(content) for content in category_dataset(image_by_id, category_id, true, found)]
    evaluation = COCOeval_faster(*pair, iou_type, print_function=_silent)
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def truth_records(truth: Annotations, iou_type: IouType) -> list[dict[str, Any]]:
    """Returns the objects as `evaluate_coco` takes them."""
    complete = []
    for image in truth.images:
        records, image_hw = truth.objects_of_image[image["id"]], (image["height"], image["width"])
        rles = truth.rles_of_image[image["id"]] if iou_type == "segm" else (None,) * len(records)
        complete += [_truth_record(*pair, image_hw, iou_type) for pair in zip(records, rles, strict=True)]
    return complete


def _truth_record(
    record: Mapping[str, Any], rle: Rle | None, image_hw: tuple[int, int], iou_type: IouType
) -> dict[str, Any]:
    """Returns an object with the shape to compare (see `evaluate_predictions` for objects without it)."""
    shape: Any = rle
    is_crowd = record.get("iscrowd", 0)
    if iou_type == "bbox":
        shape = record.get("bbox") or segmentation_area(record["segmentation"], image_hw)[1]
    elif rle is None:
        is_crowd, shape = 1, segmentation_to_rle([_corners(record["bbox"])], image_hw)
    complete = _record(record["image_id"], record["category_id"], iou_type, shape) | {"iscrowd": is_crowd}
    return complete if record.get("area") is None else complete | {"area": record["area"]}


def result_records(
    truth: Annotations, predictions: Mapping[int, PackedDetections], iou_type: IouType
) -> list[dict[str, Any]]:
    """Returns the predictions as `evaluate_coco` takes them."""
    results = []
    for image_id, packed in predictions.items():
        _check(truth, image_id, packed, iou_type)
        found = packed.unmasked
        shapes = packed.rles if iou_type == "segm" else xyxy_to_xywh(found.xyxy).tolist()
        for shape, score, class_id in zip(shapes, found.scores.tolist(), found.class_ids.tolist(), strict=True):
            record = _record(image_id, truth.categories[class_id]["id"], iou_type, shape)
            results.append(record | {"score": score})
    return results


def _record(image_id: int, category_id: int, iou_type: IouType, shape: Any) -> dict[str, Any]:
    """Builds the keys that truth and results share; the area is that of the shape."""
    refers = {"image_id": image_id, "category_id": category_id, "iscrowd": 0}
    if iou_type == "bbox":
        return refers | {"bbox": shape, "area": float(shape[2] * shape[3])}
    return refers | {"segmentation": shape, "area": float(coco_mask.area(shape))}


def _corners(bbox: Sequence[float]) -> list[float]:
    """Returns a box (left, top, width, height) as a polygon."""
    left, top, width, height = bbox
    right, bottom = left + width, top + height
    return [left, top, right, top, right, bottom, left, bottom]


def _predicts_masks(predictions: Mapping[int, PackedDetections]) -> bool:
    """Whether the predictions come from a model with masks; True without any predictions."""
    with_masks = [packed.mask_hw is not None for packed in predictions.values()]
    return any(with_masks) or not with_masks


def _check(truth: Annotations, image_id: int, packed: PackedDetections, iou_type: IouType) -> None:
    """Checks that predictions of one image fit the truth (see `evaluate_predictions`)."""
    where, found = f"predictions of image {image_id}", packed.unmasked
    image = truth.image_by_id.get(image_id)
    if image is None:
        raise ValueError(f"{where}: expected one of the {len(truth.images)} images of the truth, got an unknown id")
    if not (np.isfinite(found.xyxy).all() and np.isfinite(found.scores).all()):
        raise ValueError(f"{where}: expected finite boxes and scores, got NaN or infinity")
    unknown = sorted({int(i) for i in found.class_ids if not 0 <= i < truth.num_classes})
    if unknown:
        raise ValueError(f"{where}: expected class ids 0..{truth.num_classes - 1}, got {unknown}")
    expected = (image["height"], image["width"])
    if iou_type == "segm" and len(packed) and packed.mask_hw != expected:
        got = "none" if packed.mask_hw is None else f"masks of {packed.mask_hw}"
        raise ValueError(f"{where}: expected masks of (height, width) {expected}, got {got}")
