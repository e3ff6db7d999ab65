"""What is unwise in a sound dataset, before hours are spent training on it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import DatasetError
from gsam_edge.coco.findings import Finding
from gsam_edge.coco.health_checks import HEALTH_CHECKS, HealthConfig
from gsam_edge.coco.health_objects import (
    boxes_as_images,
    mask_box_disagreements,
    overlapping_duplicates,
    tiny_boxes,
)
from gsam_edge.coco.image_facts import ImageFacts
from gsam_edge.coco.near_duplicates import near_duplicate_groups

#: One case, as it stands in the report.
Example: TypeAlias = Mapping[str, Any]


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


def health_findings(
    annotations: Annotations, duplicates: Mapping[str, Any], config: HealthConfig
) -> list[dict[str, Any]]:
    """What is unwise in checked and completed annotations, as the findings of the report, worst cases first.

    Args:
        annotations: what is looked at.
        duplicates: what `image_duplicates` gave; ids of images that are not in the annotations are passed over.
        config: thresholds and policies.

    Returns:
        {code, severity, policy, count, meaning, examples} for each kind of `HEALTH_CHECKS` that was met. An example
        has `where`, `detail`, and `image_id` or `image_ids` with `annotation_ids` where it is about an image.

    Raises:
        DatasetError: if something was met whose policy is `error`.
    """
    tiny = tiny_boxes(annotations, config.smallest_box_side)
    whole = boxes_as_images(annotations)
    twice, overlap = overlapping_duplicates(annotations, config.duplicate_iou)
    askew, agreement = mask_box_disagreements(annotations, config.mask_box_iou)
    sides = annotations.columns.xywh[:, 2:]
    met: dict[str, tuple[int, Iterable[Example]]] = {
        "exact_duplicate": _copies(annotations, duplicates["exact"]),
        "near_duplicate": _copies(annotations, duplicates["near"]),
        "tiny_box": (len(tiny), (_object(annotations, [r], f"{sides[r][0]:g} x {sides[r][1]:g} pixels") for r in tiny)),
        "box_as_image": (len(whole), (_object(annotations, [r], "as large as its image") for r in whole)),
        "overlapping_duplicate": (
            len(twice),
            (_object(annotations, pair, f"overlap {iou:.3f}") for pair, iou in zip(twice, overlap, strict=True)),
        ),
        "mask_box_disagreement": (
            len(askew),
            (_object(annotations, [r], f"overlap {iou:.3f}") for r, iou in zip(askew, agreement, strict=True)),
        ),
        **_classes(annotations, config),
    }
    return [finding for code, found in met.items() for finding in findings_of(code, *found, config)]


def findings_of(code: str, count: int, examples: Iterable[Example], config: HealthConfig) -> list[dict[str, Any]]:
    """The finding of a code as plain JSON values; none where `count` is 0.

    Args:
        code: of `HEALTH_CHECKS`.
        count: how many cases.
        examples: the cases, the worst first; only as many are asked for as are written out.
        config: policies, and how many cases are written out.

    Raises:
        DatasetError: if there is a case and the policy is `error`.
    """
    if not count:
        return []
    check = HEALTH_CHECKS[code]
    policy = config.policies.get(code, check.policies[0])
    shown = tuple(islice(examples, max(1, config.max_examples)))
    if policy == "error":
        first = f"{shown[0]['where']}: {shown[0]['detail']}"
        raise DatasetError(f"health: expected no {code} ({check.meaning}), got {count}, first {first}")
    return [Finding(code, check.severity, policy, count, check.meaning, shown[: config.max_examples]).to_json()]


def _object(annotations: Annotations, rows: Sequence[int], detail: str) -> Example:
    """One object, or several of one image, as an example."""
    records = [annotations.objects[int(row)] for row in rows]
    image = annotations.image_by_id[records[0]["image_id"]]
    ids = [record["id"] for record in records]
    return {"where": image["file_name"], "image_id": image["id"], "annotation_ids": ids, "detail": detail}


def _copies(annotations: Annotations, groups: Sequence[Sequence[int]]) -> tuple[int, Iterable[Example]]:
    """Images that follow another of their group, and the groups, largest first."""
    known = annotations.image_by_id
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
    return sum(len(group) - 1 for group in members), examples


def _classes(annotations: Annotations, config: HealthConfig) -> dict[str, tuple[int, Iterable[Example]]]:
    """Classes with too few objects, crowds aside, and classes that are too rare beside the most frequent one."""
    counts = dict(zip(annotations.class_names, annotations.image_class_counts.sum(axis=0).tolist(), strict=True))
    rarest_first = sorted(counts, key=lambda name: counts[name])
    most = rarest_first[-1]
    few = [name for name in rarest_first if counts[name] < config.fewest_objects_of_class]
    rare = [name for name in rarest_first if 0 < counts[name] * config.largest_imbalance < counts[most]]
    return {
        "class_below_minimum": (len(few), [{"where": name, "detail": f"{counts[name]} objects"} for name in few]),
        "class_imbalance": (
            len(rare),
            [{"where": n, "detail": f"{counts[n]} objects beside {counts[most]} of {most}"} for n in rare],
        ),
    }
