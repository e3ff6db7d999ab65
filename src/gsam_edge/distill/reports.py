"""The reports of labelling and distillation, as JSON values."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.coco.geometry.segmentation import rle_iou
from gsam_edge.coco.predictions import Predictions
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels import StoreCounts
from gsam_edge.metrics.label_quality import match_labels
from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.family import StudentTraining
from gsam_edge.teachers.predict import boxes_of


def label_report(
    annotations: Annotations, labels: Predictions, counts: StoreCounts, config: LabellingConfig
) -> dict[str, Any]:
    """Measures the teacher's labels against the annotations of the same images.

    Returns:
        `images`, `labels`, `in_crowds` (those that match no object and lie in a crowd region of their class, which are
        neither correct nor wrong), `teacher`, `prompt`, `boxes` (whose a label's box is), `empty_masks` (labels without
        a pixel, which keep the finder's box), `store` {hits, new}; `precision`, `recall`, `mask_iou` (mean over
        matched objects) and `mask_score` (the mean of the teacher's own estimates of these), and the same in
        `per_class`. A figure that does not apply is absent: a teacher that was given the true boxes has no precision or
        recall, a class without labels no precision, a teacher without masks no mask IoU.
    """
    teacher = labels.predictor
    prompted = teacher.prompted_with_boxes
    right, labelled, crowded, true = (Counter[int]() for _ in range(4))
    ious: dict[int, list[float]] = {class_id: [] for class_id in annotations.class_mapping}
    estimates: dict[int, list[float]] = {class_id: [] for class_id in annotations.class_mapping}
    empty_masks: int | None = None
    for image_id, packed in labels.objects.items():
        found = packed.unmasked
        matched = match_labels(annotations, image_id, packed, match_iou=config.match_iou, prompted=prompted)
        truth, has_mask = matched.truth, matched.truth.mask_areas > 0
        labelled.update(found.class_ids.tolist())
        if packed.mask_hw is not None:
            empty_masks = (empty_masks or 0) + int((packed.mask_areas == 0).sum())
        true.update(truth.unmasked.class_ids.tolist())
        crowded.update(found.class_ids[matched.in_crowd].tolist())
        for row, target in matched.pairs:
            class_id = int(truth.unmasked.class_ids[target])
            right[class_id] += 1
            if has_mask[target]:
                ious[class_id].append(rle_iou(packed.rles[row], truth.rles[target]))
                if found.mask_scores is not None:
                    estimates[class_id].append(float(found.mask_scores[row]))

    def figures(class_ids: list[int]) -> dict[str, float]:
        matched, given, wanted = (sum(c[i] for i in class_ids) for c in (right, labelled - crowded, true))
        means = {
            name: [value for class_id in class_ids for value in values[class_id]]
            for name, values in (("mask_iou", ious), ("mask_score", estimates))
        }
        shares = {} if prompted else {"precision": (matched, given), "recall": (matched, wanted)}
        rates = {name: part / whole for name, (part, whole) in shares.items() if whole}
        return rates | {name: float(np.mean(values)) for name, values in means.items() if values}

    return {
        "images": len(labels.objects),
        "labels": labelled.total(),
        "in_crowds": crowded.total(),
        "teacher": teacher.name,
        "prompt": "true boxes" if prompted else "class names",
        "boxes": "given" if prompted else boxes_of(boxes_from_masks=teacher.boxes_from_masks),
        **({} if empty_masks is None else {"empty_masks": empty_masks}),
        "store": {"hits": counts.hits, "new": counts.new},
        **figures(list(annotations.class_mapping)),
        "per_class": {name: figures([class_id]) for class_id, name in annotations.class_mapping.items()},
    }


def distillation_report(
    choice: StudentChoice,
    training: StudentTraining,
    figures: Mapping[str, float],
    *,
    loss_weights: Mapping[str, float],
    seed: int,
) -> dict[str, Any]:
    """Reports how the student was trained and its metrics on the validation split.

    Returns:
        `student` {architecture, why, size, image_size, parameters, start}; `seeds`; `full` by figure as {mean}, without
        an interval as long as one seed was trained; `labels` {without_area}, labelled objects left out;
        `loss_weights` of the distillation; `losses` of the last epoch; `epochs`; `verdict`. `control` is absent as
        long as no control is trained.
    """
    weights, last = training.weights, training.history[-1]
    start = "random weights"
    if training.transfer is not None:
        start = f"pretrained weights for {training.transfer.taken} of {training.transfer.total} tensors"
    return {
        "student": {
            "architecture": choice.architecture,
            "why": choice.why,
            "size": weights.size,
            "image_size": weights.image_size,
            "parameters": sum(tensor.numel() for tensor in weights.tensors.values()),
            "start": start,
        },
        "seeds": [seed],
        "full": {name: {"mean": value} for name, value in figures.items()},
        "labels": {"without_area": training.without_area},
        "loss_weights": dict(loss_weights),
        "losses": {name: value for name, value in last.items() if name.startswith("train_")},
        "epochs": len(training.history),
        "verdict": "no control without the teacher was trained, so the teacher's share in these figures is not known",
    }
