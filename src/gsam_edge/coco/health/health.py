"""What is unwise in a sound dataset, before hours are spent training on it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.findings import Finding
from gsam_edge.coco.errors import DatasetError
from gsam_edge.coco.health.objects import (
    boxes_as_images,
    mask_box_disagreements,
    overlapping_duplicates,
    tiny_boxes,
)
from gsam_edge.coco.health.policies import Cases, Cure, Example, cure
from gsam_edge.coco.health.table import HEALTH_CHECKS, HealthConfig
from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.near_duplicates import near_duplicate_groups


@dataclass(frozen=True)
class Health:
    """What was unwise in annotations, and what was done about it.

    Attributes:
        cure: the annotations that are left, and the account of them.
        findings: {code, severity, policy, count, meaning, examples} for each kind of `HEALTH_CHECKS` that was met, as
            plain JSON values, worst cases first. An example has `where`, `detail`, and `image_id` or `image_ids` with
            `annotation_ids` where it is about an image.
    """

    cure: Cure
    findings: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """`findings`, and `images` and `annotations` as {in, kept, fixed, dropped}."""
        images, objects = self.cure.images.to_json(), self.cure.objects.to_json()
        return {"findings": self.findings, "images": images, "annotations": objects}


def image_duplicates(facts: Mapping[int, ImageFacts], config: HealthConfig) -> dict[str, Any]:
    """Images that are there more than once, and how they are stored, as plain JSON values.

    Args:
        facts: what was found in each image file, by image id.
        config: how alike near duplicates are.

    Returns:
        `compared`, how many images; `modes`, Pillow's names of their pixel formats to how many have them; `exact` and
        `near`, groups of two or more image ids, ascending; an exact group stands within a near one.
    """
    by_bytes: dict[str, list[int]] = defaultdict(list)
    for image_id in sorted(facts):
        by_bytes[facts[image_id].sha256].append(image_id)
    return {
        "compared": len(facts),
        "modes": dict(Counter(fact.mode for fact in facts.values()).most_common()),
        "exact": [group for group in by_bytes.values() if len(group) > 1],
        "near": near_duplicate_groups(facts, config.near_duplicate_distance),
    }


def check_health(annotations: Annotations, duplicates: Mapping[str, Any], config: HealthConfig) -> Health:
    """Looks for what is unwise in checked and completed annotations, and does about it what the policies say.

    Classes are counted in what is left.

    Args:
        annotations: what is looked at.
        duplicates: what `image_duplicates` gave; ids of images that are not in the annotations are passed over.
        config: thresholds and policies.

    Raises:
        DatasetError: if something was met whose policy is `error`, or no object is left.
    """
    cases = _cases(annotations, duplicates, config)
    findings = [finding for code, found in cases.items() for finding in findings_of(code, found, config)]
    cured = cure(annotations, cases, config)
    for code, found in _classes(cured.annotations, config).items():
        findings += findings_of(code, found, config)
    return Health(cured, findings)


def _cases(annotations: Annotations, duplicates: Mapping[str, Any], config: HealthConfig) -> dict[str, Cases]:
    """Images and objects that are unwise, by code."""
    tiny = tiny_boxes(annotations, config.smallest_box_side)
    whole = boxes_as_images(annotations)
    twice, overlap = overlapping_duplicates(annotations, config.duplicate_iou)
    askew, agreement = mask_box_disagreements(annotations, config.mask_box_iou)
    sides = annotations.columns.xywh[:, 2:]

    def objects(rows: NDArray[np.int64], shown: NDArray[np.int64], details: Iterable[str]) -> Cases:
        cases = zip(shown, details, strict=True)
        return Cases(len(rows), (_object(annotations, np.atleast_1d(at), detail) for at, detail in cases), rows=rows)

    return {
        "exact_duplicate": _copies(annotations, duplicates["exact"]),
        "near_duplicate": _copies(annotations, duplicates["near"]),
        "tiny_box": objects(tiny, tiny, (f"{sides[row][0]:g} x {sides[row][1]:g} pixels" for row in tiny)),
        "box_as_image": objects(whole, whole, ("as large as its image" for _ in whole)),
        "overlapping_duplicate": objects(twice[:, 1], twice, (f"overlap {iou:.3f}" for iou in overlap)),
        "mask_box_disagreement": objects(askew, askew, (f"overlap {iou:.3f}" for iou in agreement)),
    }


def findings_of(code: str, cases: Cases, config: HealthConfig) -> list[dict[str, Any]]:
    """The finding of a code as plain JSON values; none where there is no case.

    Args:
        code: of `HEALTH_CHECKS`.
        cases: all of them; only as many examples are asked for as are written out.
        config: policies, and how many cases are written out.

    Raises:
        DatasetError: if there is a case and the policy is `error`.
    """
    if not cases.count:
        return []
    check, policy = HEALTH_CHECKS[code], config.policy(code)
    shown = tuple(islice(cases.examples, max(1, config.max_examples)))
    if policy == "error":
        first = f"{shown[0]['where']}: {shown[0]['detail']}"
        raise DatasetError(f"health: expected no {code} ({check.meaning}), got {cases.count}, first {first}")
    return [Finding(code, check.severity, policy, cases.count, check.meaning, shown[: config.max_examples]).to_json()]


def _object(annotations: Annotations, rows: NDArray[np.int64], detail: str) -> Example:
    """One object, or several of one image, as an example."""
    records = [annotations.objects[row] for row in rows.tolist()]
    image = annotations.image_by_id[records[0]["image_id"]]
    ids = [record["id"] for record in records]
    return {"where": image["file_name"], "image_id": image["id"], "annotation_ids": ids, "detail": detail}


def _copies(annotations: Annotations, groups: Sequence[Sequence[int]]) -> Cases:
    """Images that are there again, groups largest first; of each group the image with most objects is no copy."""
    known, labelled = annotations.image_by_id, annotations.objects_of_image
    members = [[known[image_id] for image_id in group if image_id in known] for group in groups]
    members = sorted((group for group in members if len(group) > 1), key=len, reverse=True)
    examples = [
        {
            "where": images[0]["file_name"],
            "image_ids": [image["id"] for image in images],
            "detail": f"{len(images)} images: {', '.join(image['file_name'] for image in images[:4])}",
        }
        for images in members
    ]
    copies: set[int] = set()
    for images in members:
        best = max(images, key=lambda image: len(labelled[image["id"]]))
        copies |= {image["id"] for image in images if image is not best}
    return Cases(len(copies), examples, frozenset(copies))


def _classes(annotations: Annotations, config: HealthConfig) -> dict[str, Cases]:
    """Classes with too few objects, crowds aside, and classes that are too rare beside the most frequent one."""
    counts = dict(zip(annotations.class_names, annotations.image_class_counts.sum(axis=0).tolist(), strict=True))
    rarest_first = sorted(counts, key=lambda name: counts[name])
    most = rarest_first[-1]
    few = [name for name in rarest_first if counts[name] < config.fewest_objects_of_class]
    rare = [name for name in rarest_first if 0 < counts[name] * config.largest_imbalance < counts[most]]
    return {
        "class_below_minimum": Cases(len(few), [{"where": n, "detail": f"{counts[n]} objects"} for n in few]),
        "class_imbalance": Cases(
            len(rare), [{"where": n, "detail": f"{counts[n]} objects beside {counts[most]} of {most}"} for n in rare]
        ),
    }
