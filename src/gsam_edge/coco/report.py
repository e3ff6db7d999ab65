"""Builds the validation report: counts, findings, statistics and splits of a dataset."""

from collections.abc import Mapping, Sequence
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.validate import CocoValidation
from gsam_edge.coco.complete import Completion
from gsam_edge.coco.needs import Need
from gsam_edge.coco.provenance import HELD_BACK
from gsam_edge.coco.splitting.grouping import group_images
from gsam_edge.coco.splitting.split import SplitConfig, ready_made_splits
from gsam_edge.coco.statistics import statistics

#: In place of `image_duplicates`, where images were not compared.
NOT_COMPARED: Mapping[str, Any] = {"compared": 0, "modes": {}, "exact": [], "near": []}
#: In place of `Health.to_json`, where the health checks were not run.
NOT_EXAMINED: Mapping[str, Any] = {"findings": ()}


def audit(validation: CocoValidation, completion: Completion) -> dict[str, Any]:
    """Returns counts and findings of the validation, as plain JSON values.

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
    teachers: Mapping[str, Need],
    duplicates: Mapping[str, Any] = NOT_COMPARED,
    health: Mapping[str, Any] = NOT_EXAMINED,
    of_splits: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Builds the report of the `data_validation` pipeline, as plain JSON values.

    Args:
        findings: result of `audit`.
        annotations: all checked and completed annotations.
        parts: result of `split`.
        config: the configuration of that split.
        seed: the seed of that split.
        teachers: by name, whether each is needed.
        duplicates: result of `coco.health.health.image_duplicates`.
        health: result of `coco.health.health.Health.to_json`.
        of_splits: result of `coco.health.health.split_findings`.

    Returns:
        The keys of `audit`, with the findings of `health` and `of_splits` among its own, and
        `health`: what the health policies did after the audit, `images` and `annotations` as {in, kept, fixed,
        dropped}; empty where the health checks were not run;
        `images_compared`: how many images were compared for duplicates, `distinct_images`: how many would be left with
        one of each group of near duplicates, `image_modes`: Pillow's names of pixel formats to numbers of images;
        `has_boxes`, `has_masks`, `class_mapping` (class id as text to name);
        `teachers`: by name {needed, why};
        `splits`: by name the figures of `coco.statistics`, with `share_of_images` (0..1), `groups_kept_together` (those
        of two images or more), and `classes_missing` where a class has no annotation; `held_back`, the training images
        whose labels are not used, is among them where there are any;
        `split`: how the images were split: ratios, seed, labels, group_by, groups, groups_of_several, largest_group
        (images), near_duplicates (groups), images_without_key, ready_made, why, and largest_deviation (0..1) with
        largest_deviation_of: the difference between a part's share of a class's annotations and its share of the
        images, as configured, or for ready-made splits and where labels are held back as found;
        `statistics`: the figures of `coco.statistics` over all images.
    """
    total = statistics(annotations)
    grouping = group_images(annotations, config.group_by, duplicates["near"])
    several = [group for group in grouping.groups if len(group) > 1]
    splits = {name: _part(part, len(annotations.images), several) for name, part in parts.items() if part.images}
    ready_made = ready_made_splits(annotations, config) is not None
    as_found = ready_made or HELD_BACK in splits
    shares = {name: part["share_of_images"] for name, part in splits.items()} if as_found else config.ratios
    deviations = [
        (abs(count / total["per_class"][class_name] - shares[name]), f"{class_name} in {name}")
        for name, part in splits.items()
        for class_name, count in part["per_class"].items()
        if total["per_class"][class_name]
    ]
    largest, where = max(deviations)
    return {
        **findings,
        "findings": [*findings["findings"], *health["findings"], *of_splits],
        "health": {name: health[name] for name in ("images", "annotations") if name in health},
        "images_compared": duplicates["compared"],
        "distinct_images": duplicates["compared"] - sum(len(group) - 1 for group in duplicates["near"]),
        "image_modes": duplicates["modes"],
        "has_boxes": annotations.has_boxes,
        "has_masks": annotations.has_masks,
        "class_mapping": {str(class_id): name for class_id, name in annotations.class_mapping.items()},
        "teachers": {name: vars(need) for name, need in teachers.items()},
        "splits": splits,
        "split": {
            "ratios": config.ratios,
            "seed": seed,
            "ready_made": ready_made,
            "labels": config.model_dump()["labels"],
            "group_by": grouping.key,
            "groups": len(grouping.groups),
            "groups_of_several": len(several),
            "largest_group": max(map(len, grouping.groups)),
            "near_duplicates": grouping.near_duplicates,
            "images_without_key": grouping.without_key,
            "why": "the splits that the images name were taken over" if ready_made else grouping.why,
            "largest_deviation": largest,
            "largest_deviation_of": where,
        },
        "statistics": total,
    }


def _part(part: Annotations, images: int, several: Sequence[Sequence[int]]) -> dict[str, Any]:
    figures = statistics(part)
    members = part.image_by_id.keys()
    figures["share_of_images"] = len(part.images) / images
    figures["groups_kept_together"] = sum(members >= set(group) for group in several)
    missing = [name for name, count in figures["per_class"].items() if count == 0]
    return figures | ({"classes_missing": missing} if missing else {})
