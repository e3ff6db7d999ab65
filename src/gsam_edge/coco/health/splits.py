"""What is unwise in a split: classes that a part never shows, images that belong together in two parts."""

from collections.abc import Mapping, Sequence
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.health.health import findings_of
from gsam_edge.coco.health.policies import Cases
from gsam_edge.coco.health.table import HealthConfig


def split_findings(
    parts: Mapping[str, Annotations], groups: Sequence[Sequence[int]], config: HealthConfig
) -> list[dict[str, Any]]:
    """What is unwise in a split, as the findings of the report.

    Args:
        parts: what `split` gave; a part without images was not asked for and is passed over.
        groups: ids of images that belong together.
        config: policies, and how many cases are written out.

    Raises:
        DatasetError: if something was met whose policy is `error`.
    """
    filled = {name: part for name, part in parts.items() if part.images}
    missing = [
        {"where": class_name, "detail": f"no object in {name}"}
        for name, part in filled.items()
        for class_name, count in zip(part.class_names, part.image_class_counts.sum(axis=0).tolist(), strict=True)
        if not count
    ]
    images = {image["id"]: (name, image["file_name"]) for name, part in filled.items() for image in part.images}
    parted = [group for group in groups if len({images[image_id][0] for image_id in group}) > 1]
    leaks = [
        {
            "where": images[group[0]][1],
            "image_ids": list(group),
            "detail": ", ".join(f"{images[image_id][1]} in {images[image_id][0]}" for image_id in group[:4]),
        }
        for group in parted
    ]
    return [
        *findings_of("class_missing_from_split", Cases(len(missing), missing), config),
        *findings_of("split_leak", Cases(len(leaks), leaks), config),
    ]
