"""The report on a dataset: what came in, what was done to it, what is in it, and what follows from that."""

from collections.abc import Mapping
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.complete import Completion
from gsam_edge.coco.need import teacher_needs
from gsam_edge.coco.split import SplitConfig, group_images
from gsam_edge.coco.statistics import statistics
from gsam_edge.coco.validate import Validation


def audit(validation: Validation, completion: Completion) -> dict[str, Any]:
    """What came in and what was done to it, as plain JSON values.

    Returns:
        `images` and `annotations`, each {in, kept, fixed, dropped}; `findings`, a list of {code, severity, policy,
        count, meaning, examples}; `completed`, how many boxes and areas were computed, {boxes, areas}.
    """
    return {
        "images": validation.images.to_json(),
        "annotations": validation.objects.to_json(),
        "findings": [finding.to_json() for finding in validation.findings],
        "completed": {"boxes": completion.boxes, "areas": completion.areas},
    }


def validation_report(
    findings: Mapping[str, Any],
    annotations: Annotations,
    parts: Mapping[str, Annotations],
    config: SplitConfig,
    *,
    seed: int,
) -> dict[str, Any]:
    """The report of the `data_validation` pipeline, as plain JSON values.

    Args:
        findings: what `audit` gave.
        annotations: all checked and completed annotations.
        parts: what `split` made of them.
        config: the configuration of that split.
        seed: the seed of that split.

    Returns:
        The keys of `audit`, and
        `has_boxes`, `has_masks`, `class_mapping` (class id as text to name);
        `teachers`: by name {needed, why};
        `splits`: by name the figures of `coco.statistics`, with `classes_missing` where a class has no annotation;
        `split`: how the images were shared out: ratios, seed, group_by, groups, images_without_key, why and
        largest_deviation (of the share of a class's annotations that a part got from the part's ratio, 0..1);
        `statistics`: the figures of `coco.statistics` over all images.
    """
    total = statistics(annotations)
    splits = {name: _part(part) for name, part in parts.items() if part.images}
    grouping = group_images(annotations, config.group_by)
    deviations = [
        abs(count / total["per_class"][class_name] - config.ratios[name])
        for name, part in splits.items()
        for class_name, count in part["per_class"].items()
        if total["per_class"][class_name]
    ]
    return {
        **findings,
        "has_boxes": annotations.has_boxes,
        "has_masks": annotations.has_masks,
        "class_mapping": {str(class_id): name for class_id, name in annotations.class_mapping.items()},
        "teachers": teacher_needs(annotations),
        "splits": splits,
        "split": {
            "ratios": config.ratios,
            "seed": seed,
            "group_by": grouping.key,
            "groups": len(grouping.groups),
            "images_without_key": grouping.without_key,
            "why": grouping.why,
            "largest_deviation": max(deviations),
        },
        "statistics": total,
    }


def _part(part: Annotations) -> dict[str, Any]:
    figures = statistics(part)
    missing = [name for name, count in figures["per_class"].items() if count == 0]
    return figures | ({"classes_missing": missing} if missing else {})
