"""The twelve COCO figures, and average precision by class and size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.coco.engine import AREAS, MOST_DETECTIONS, CocoEngine
from gsam_edge.metrics.coco.shapes import IouType, Shapes, found_shapes, predicts_masks, true_shapes

__all__ = [
    "COCO_FIGURES",
    "CocoEvaluation",
    "IouType",
    "class_map50",
    "coco_metrics",
    "evaluate_coco",
    "evaluate_predictions",
]

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
_ALL_AREAS, _MOST_DETECTIONS, _IOU_50, _IOU_75 = 0, len(MOST_DETECTIONS) - 1, 0, 5


@dataclass(frozen=True)
class CocoEvaluation:
    """The outcome of one COCO evaluation.

    Attributes:
        figures: names of `COCO_FIGURES` to values in 0..1; a figure without objects (no small ones, say) is absent.
        map50_of_category: COCO category ids to average precision at IoU 0.5; categories without objects are absent.
        map50_95_of_category: likewise, the mean over the IoUs 0.5, 0.55 ... 0.95.
        curve_of_category: precision at IoU 0.5 for the recalls 0, 0.01 ... 1, float64 [101]; likewise.
    """

    figures: dict[str, float]
    map50_of_category: dict[int, float]
    map50_95_of_category: dict[int, float] = field(default_factory=dict)
    curve_of_category: dict[int, NDArray[np.float64]] = field(default_factory=dict)


def evaluate_coco(truth: Mapping[str, Any], results: Sequence[Mapping[str, Any]], iou_type: IouType) -> CocoEvaluation:
    """Runs COCO's evaluation on complete records.

    Crowd regions count as in COCO: a detection inside one is neither right nor wrong.

    Args:
        truth: a COCO mapping; its annotations hold `image_id`, `category_id`, `iscrowd`, `area` (pixels; sorts into
            small, medium and large), and `bbox` (xywh pixels) or `segmentation` (RLE).
        results: likewise, with `score`.
        iou_type: "bbox" compares boxes, "segm" masks.

    Raises:
        ValueError: if a result names an image or a category that the truth does not have.
    """
    image_ids = {image["id"] for image in truth["images"]}
    known = {"image_id": image_ids, "category_id": {category["id"] for category in truth["categories"]}}
    for key, ids in known.items():
        unknown = sorted({result[key] for result in results} - ids)
        if unknown:
            raise ValueError(
                f"predictions: expected only {key}s of the truth ({len(ids)} of them), got also {unknown[:5]}"
            )
    return evaluate_shapes(
        truth["images"],
        truth["categories"],
        Shapes.of_records(truth["annotations"], iou_type, found=False),
        Shapes.of_records(results, iou_type, found=True),
        iou_type,
    )


def evaluate_shapes(
    images: Sequence[Mapping[str, Any]],
    categories: Sequence[Mapping[str, Any]],
    true: Shapes,
    found: Shapes,
    iou_type: IouType,
) -> CocoEvaluation:
    """Runs COCO's evaluation on columns; see `CocoEngine` for the arguments."""
    if not len(true):
        return CocoEvaluation({}, {})
    engine = CocoEngine(images, categories, true, found, iou_type)
    # Precision is [IoU, recall, category, area, most detections]; recall has no axis for recall.
    precision, recall = engine.precision, engine.recall
    areas, most = range(1, len(AREAS)), range(_MOST_DETECTIONS)
    parts = [
        precision[..., _ALL_AREAS, _MOST_DETECTIONS],
        precision[_IOU_50, ..., _ALL_AREAS, _MOST_DETECTIONS],
        precision[_IOU_75, ..., _ALL_AREAS, _MOST_DETECTIONS],
        *(precision[..., area, _MOST_DETECTIONS] for area in areas),
        *(recall[..., _ALL_AREAS, limit] for limit in (*most, _MOST_DETECTIONS)),
        *(recall[..., area, _MOST_DETECTIONS] for area in areas),
    ]
    figures = {
        name: part[part > -1].mean() for name, part in zip(COCO_FIGURES, parts, strict=True) if (part > -1).any()
    }
    of_category = {
        category_id: precision[:, :, column, _ALL_AREAS, _MOST_DETECTIONS]
        for column, category_id in enumerate(engine.category_ids)
        if precision[_IOU_50, 0, column, _ALL_AREAS, _MOST_DETECTIONS] > -1
    }
    return CocoEvaluation(
        {name: float(value) for name, value in figures.items()},
        {category_id: float(values[_IOU_50].mean()) for category_id, values in of_category.items()},
        {category_id: float(values.mean()) for category_id, values in of_category.items()},
        {category_id: values[_IOU_50] for category_id, values in of_category.items()},
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
    if iou_type == "segm" and not (truth.has_masks and predicts_masks(predictions)):
        return None
    found = found_shapes(truth, predictions, iou_type)
    return evaluate_shapes(truth.images, truth.categories, true_shapes(truth, iou_type), found, iou_type)


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
    return by_class(truth, evaluation.map50_of_category)


def by_class(truth: Annotations, values: Mapping[int, Any]) -> dict[str, Any]:
    """Returns values of COCO category ids by class name, in class order."""
    return {category["name"]: values[category["id"]] for category in truth.categories if category["id"] in values}
