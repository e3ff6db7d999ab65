"""Figures of a teacher's predictions, as a whole, for each class and for resampled images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.bootstrap import Resampled
from gsam_edge.metrics.detection import IouType, class_map50, evaluate_predictions
from gsam_edge.metrics.mask_overlap import paired_mask_ious
from gsam_edge.metrics.resampling import IOU_50, ResampledMap, resampled_map, resampled_mean_iou


@dataclass(frozen=True)
class TeacherFigures:
    """Figures of one teacher, tuned or not, on a split.

    Attributes:
        whole: {map50, map50_95} of boxes, {mask_map50, mask_map50_95} of masks or {mask_iou} of masks in given boxes;
            0..1, what does not apply is absent.
        per_class: class names to the first of these figures; classes without objects are absent.
        resampled: the first of these figures, as a function of how often each image counts.
    """

    whole: dict[str, float]
    per_class: dict[str, float]
    resampled: Resampled


def found_figures(truth: Annotations, predictions: Mapping[int, PackedDetections], iou_type: IouType) -> TeacherFigures:
    """Returns the figures of objects that were found, by boxes or masks."""
    evaluation, prefix = evaluate_predictions(truth, predictions, iou_type), "" if iou_type == "bbox" else "mask_"
    if evaluation is None:
        return TeacherFigures({}, {}, ResampledMap((), np.zeros(len(truth.images), np.int64)))
    named = {
        f"{prefix}{name}": evaluation.figures[name] for name in ("map50", "map50_95") if name in evaluation.figures
    }
    return TeacherFigures(named, class_map50(truth, evaluation), resampled_map(truth, predictions, iou_type, IOU_50))


def outlined_figures(truth: Annotations, predictions: Mapping[int, PackedDetections]) -> TeacherFigures:
    """Returns the figures of masks that were drawn in the true boxes, rows as in `paired_mask_iou`."""
    ious = paired_mask_ious(truth, predictions)
    of_class: dict[int, list[float]] = {}
    for image in ious.values():
        for class_id, iou in zip(image.class_ids.tolist(), image.iou.tolist(), strict=True):
            of_class.setdefault(class_id, []).append(iou)
    every = [iou for values in of_class.values() for iou in values]
    return TeacherFigures(
        {"mask_iou": float(np.mean(every))} if every else {},
        {truth.class_names[class_id]: float(np.mean(of_class[class_id])) for class_id in sorted(of_class)},
        resampled_mean_iou(truth, ious),
    )
