"""The report on a dataset: what came in, what was done to it, what is in it, and what follows from that."""

from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.complete import Completion
from gsam_edge.coco.need import teacher_needs
from gsam_edge.coco.split import Split, SplitConfig
from gsam_edge.coco.statistics import statistics
from gsam_edge.coco.validate import Validation


def validation_report(
    validation: Validation, completion: Completion, parts: Split, config: SplitConfig, *, seed: int
) -> dict[str, Any]:
    """The report of the `data_validation` pipeline, as plain JSON values.

    Returns:
        A mapping with
        `images`, `annotations`: the audit, each {in, kept, fixed, dropped};
        `findings`: a list of {code, severity, policy, count, meaning, examples};
        `completed`: how many boxes and areas were computed, {boxes, areas};
        `has_boxes`, `has_masks`, `class_mapping` (class id as text to name);
        `teachers`: by name {needed, why};
        `splits`: by name the figures of `coco.statistics`, with `classes_missing` where a class has no annotation;
        `split`: how the images were shared out: ratios, seed, group_by, groups, why, largest_deviation (of a class's
        share in a part from its ratio, 0..1);
        `statistics`: the figures of `coco.statistics` over all images.
    """
    annotations = completion.annotations
    return {
        "images": validation.images.to_json(),
        "annotations": validation.objects.to_json(),
        "findings": [finding.to_json() for finding in validation.findings],
        "completed": {"boxes": completion.boxes, "areas": completion.areas},
        "has_boxes": annotations.has_boxes,
        "has_masks": annotations.has_masks,
        "class_mapping": {str(class_id): name for class_id, name in annotations.class_mapping.items()},
        "teachers": teacher_needs(annotations),
        "splits": {name: _part(part) for name, part in parts.parts.items() if config.ratios[name] > 0},
        "split": {
            "ratios": config.ratios,
            "seed": seed,
            "group_by": parts.group_by,
            "groups": parts.groups,
            "images_without_key": parts.without_key,
            "why": parts.why,
            "largest_deviation": _largest_deviation(annotations, parts, config),
        },
        "statistics": statistics(annotations),
    }


def _part(part: Annotations) -> dict[str, Any]:
    figures = statistics(part)
    missing = [name for name, count in figures["per_class"].items() if count == 0]
    return figures | ({"classes_missing": missing} if missing else {})


def _largest_deviation(annotations: Annotations, parts: Split, config: SplitConfig) -> float:
    total = statistics(annotations)["per_class"]
    return max(
        abs(count / total[name] - config.ratios[part_name])
        for part_name, part in parts.parts.items()
        for name, count in statistics(part)["per_class"].items()
        if total[name]
    )
