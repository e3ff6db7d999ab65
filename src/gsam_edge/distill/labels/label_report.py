"""The report of a teacher's labels, before and behind the gate, as JSON values."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.coco.geometry.segmentation import rle_iou
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.disagreement import Disagreement
from gsam_edge.distill.labels.gate import Gate
from gsam_edge.distill.labels.gated import GatedLabels
from gsam_edge.metrics.label_quality import match_labels
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.judging.verdict import label_verdict
from gsam_edge.teachers.predict import boxes_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledSet:
    """Labels of some images, before and behind the gate.

    Attributes:
        truth: the truth, of as many of the images as have one.
        labels: all labels.
        passed: the same behind the gate.
    """

    truth: Annotations
    labels: Predictions
    passed: GatedLabels


def label_report(
    sets: Mapping[str, LabelledSet],
    gate: Gate,
    config: LabellingConfig,
    floor: FloorConfig,
    *,
    store: Mapping[str, Any],
    disagreements: Sequence[Disagreement],
) -> dict[str, Any]:
    """Reports what a teacher's labels are worth and what a student learns from.

    The verdict is that of the teacher's labels on the validation images, on which it was not tuned, from
    `teacher_floor.score_threshold` on. It is not that of the few that a strict gate lets through: what passes is right,
    what does not is ignored, and whether it helps is told by the student's controls.

    Args:
        sets: `train`, `val` and `pool`.
        gate: fitted on `val`.
        config: how labels are matched and gated.
        floor: what the labels must reach.
        store: how many labels were found in the store, and how many are new.
        disagreements: images on which labels and truth disagree most.

    Returns:
        `teacher`, `prompt`, `boxes` (whose a label's box is), `store`; `gate`, class names to `high` and `low` (absent
        where no score will do), `basis`, and on `val` the `objects` and `labels`; each of the sets, see `_set_report`;
        `disagreements` [{image, why}]; `advice`, what to try about classes that do not pass; `verdict` and `why`.
    """
    val = sets["val"]
    teacher = val.labels.predictor
    prompted = teacher.prompted_with_boxes
    reports = {name: _set_report(part, config) for name, part in sets.items()}
    never = {} if prompted else _never_found(val, config)
    advice = [] if prompted else _advice(gate, val, never, config)
    for line in advice:
        logger.warning("%s", line)
    return {
        "teacher": teacher.name,
        "prompt": "true boxes" if prompted else "class names",
        "boxes": "given" if prompted else boxes_of(boxes_from_masks=teacher.boxes_from_masks),
        "store": dict(store),
        "gate": _gate_report(gate, val),
        **reports,
        "disagreements": [{"image": each.file_name, "why": each.why} for each in disagreements],
        "advice": advice,
        **label_verdict(
            _judged(val, config, floor),
            reports["val"]["gated"],
            floor,
            never_found={name: objects for name, objects in never.items() if objects >= config.gate.min_objects},
        ),
    }


def _judged(part: LabelledSet, config: LabellingConfig, floor: FloorConfig) -> dict[str, Any]:
    """Returns the figures of the labels that count for the floor: of a finder those that score enough."""
    objects, prompted = part.labels.objects, part.labels.predictor.prompted_with_boxes
    if not prompted:
        objects = {
            image_id: packed.select(packed.unmasked.scores >= floor.score_threshold)
            for image_id, packed in objects.items()
        }
    return label_figures(part.truth, objects, match_iou=config.match_iou, prompted=prompted)


def label_figures(
    truth: Annotations, objects: Mapping[int, PackedDetections], *, match_iou: float, prompted: bool
) -> dict[str, Any]:
    """Measures labels against the truth of the images that have one.

    Args:
        truth: the truth of some of the images.
        objects: image ids to labels.
        match_iou: see `match_labels`.
        prompted: whether the teacher was given the true boxes.

    Returns:
        `precision`, `recall`, `mask_iou` (mean over matched objects) and `mask_score` (the mean of the teacher's own
        estimates of these), the same in `per_class`, and `in_crowds` (labels that match no object and lie in a crowd
        region of their class, neither correct nor wrong). A figure that does not apply is absent: a teacher that was
        given the true boxes has no precision or recall, a class without labels no precision, a teacher without masks
        no mask IoU. Nothing where no image has a truth.
    """
    right, labelled, true = (Counter[int]() for _ in range(3))
    ious: dict[int, list[float]] = {class_id: [] for class_id in truth.class_mapping}
    estimates: dict[int, list[float]] = {class_id: [] for class_id in truth.class_mapping}
    known = [image_id for image_id in objects if image_id in truth.image_by_id]
    crowded = 0
    for image_id in known:
        packed = objects[image_id]
        found = packed.unmasked
        matched = match_labels(truth, image_id, packed, match_iou=match_iou, prompted=prompted)
        has_mask = matched.truth.mask_areas > 0
        labelled.update(found.class_ids[~matched.in_crowd].tolist())
        true.update(matched.truth.unmasked.class_ids.tolist())
        crowded += int(matched.in_crowd.sum())
        for row, target in matched.pairs:
            class_id = int(matched.truth.unmasked.class_ids[target])
            right[class_id] += 1
            if has_mask[target]:
                ious[class_id].append(rle_iou(packed.rles[row], matched.truth.rles[target]))
                if found.mask_scores is not None:
                    estimates[class_id].append(float(found.mask_scores[row]))

    def figures(class_ids: list[int]) -> dict[str, float]:
        matched, given, wanted = (sum(c[i] for i in class_ids) for c in (right, labelled, true))
        means = {
            name: [value for class_id in class_ids for value in values[class_id]]
            for name, values in (("mask_iou", ious), ("mask_score", estimates))
        }
        shares = {} if prompted else {"precision": (matched, given), "recall": (matched, wanted)}
        rates = {name: part / whole for name, (part, whole) in shares.items() if whole}
        return rates | {name: float(np.mean(values)) for name, values in means.items() if values}

    if not known:
        return {}
    per_class = {name: figures([class_id]) for class_id, name in truth.class_mapping.items()}
    return {"in_crowds": crowded, **figures(list(truth.class_mapping)), "per_class": per_class}


def _set_report(part: LabelledSet, config: LabellingConfig) -> dict[str, Any]:
    """Reports one set.

    Returns:
        `images`, `labels`, `empty_masks` (labels without a pixel, which keep the finder's box), `label_figures`; and in
        `gated`: `images` that are used, `left_out` [{image, ignored}], `objects`, `ignored`, `background` and
        `duplicates` (numbers of labels), of the objects the mean `reliability` and the share `boxes_taught`, both
        absent without objects, and their `label_figures`: of an image that is left out, no object is held.
    """
    objects, passed = part.labels.objects, part.passed
    prompted = part.labels.predictor.prompted_with_boxes
    taken = {  # an image that is left out teaches none of its objects
        image_id: passed.objects[image_id].select(~passed.weights[image_id].ignored)
        if image_id in passed.objects
        else packed.select(np.zeros(len(packed), bool))
        for image_id, packed in objects.items()
    }
    masked = [packed for packed in objects.values() if packed.mask_hw is not None]
    trust = {}
    if passed.counts.objects:
        used = [each.select(~each.ignored) for each in passed.weights.values()]
        trust = {
            "reliability": float(np.concatenate([each.masks for each in used]).mean()),
            "boxes_taught": float(np.concatenate([each.boxes for each in used]).mean()),
        }
    return {
        "images": len(objects),
        "labels": sum(map(len, objects.values())),
        **({"empty_masks": sum(int((packed.mask_areas == 0).sum()) for packed in masked)} if masked else {}),
        **label_figures(part.truth, objects, match_iou=config.match_iou, prompted=prompted),
        "gated": {
            "images": len(passed.objects),
            "left_out": [{"image": name, "ignored": share} for name, share in passed.left_out.items()],
            **vars(passed.counts),
            **trust,
            **label_figures(part.truth, taken, match_iou=config.match_iou, prompted=prompted),
        },
    }


def _gate_report(gate: Gate, val: LabelledSet) -> dict[str, Any]:
    objects = val.truth.image_class_counts.sum(axis=0)
    labels = Counter(int(i) for packed in val.labels.objects.values() for i in packed.unmasked.class_ids)
    return {
        name: {
            **{
                key: value[class_id]
                for key, value in (("high", gate.high), ("low", gate.low))
                if isfinite(value[class_id])
            },
            "basis": gate.basis[class_id],
            "objects": int(objects[class_id]),
            "labels": labels[class_id],
        }
        for class_id, name in val.truth.class_mapping.items()
    }


def _never_found(val: LabelledSet, config: LabellingConfig) -> dict[str, int]:
    """Returns the classes of whose validation objects no label holds one, at any score, with their number."""
    figures = label_figures(val.truth, val.labels.objects, match_iou=config.match_iou, prompted=False)["per_class"]
    objects = val.truth.image_class_counts.sum(axis=0)
    return {
        name: int(objects[class_id])
        for class_id, name in val.truth.class_mapping.items()
        if objects[class_id] and not figures[name].get("recall")
    }


def _advice(gate: Gate, val: LabelledSet, never_found: Mapping[str, int], config: LabellingConfig) -> list[str]:
    """Returns for each class that teaches little, or nothing, why, and what to try."""
    objects = val.truth.image_class_counts.sum(axis=0)
    lines = []
    for class_id, name in val.truth.class_mapping.items():
        if not objects[class_id]:
            lines.append(
                f"{name!r}: no validation object tells what its labels are worth; give split.val a larger share, or "
                "label more images that hold it"
            )
        elif name in never_found:
            lines.append(
                f"{name!r}: the teacher finds none of its {objects[class_id]} validation objects, so that a student "
                "learns from images without labels that they are background. Try a plainer or more telling class name "
                "(it is the finder's prompt), more labelled images of it, more steps of tuning, or a lower "
                "labelling.score_threshold"
            )
        elif not isfinite(gate.high[class_id]):
            lines.append(
                f"{name!r}: at no score are {config.gate.precision:.0%} of its labels correct, so they are ignored; "
                "try more steps of tuning, more labelled images of it, or a lower labelling.gate.precision"
            )
    return lines
