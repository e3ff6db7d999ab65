"""Checks a split: classes that are missing from a part, and related images in different parts."""

from collections.abc import Mapping, Sequence

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.health.cases import Cases
from gsam_edge.coco.provenance import HELD_BACK


def missing_classes(parts: Mapping[str, Annotations]) -> Cases:
    """Finds classes without an object in a part.

    Args:
        parts: the annotations of each split by its name; one without images was not wanted and is ignored, and so is
            what is held back, from whose labels nothing is learnt or measured.
    """
    missing = [
        {"where": class_name, "detail": f"no object in {name}"}
        for name, part in parts.items()
        for class_name, count in zip(part.class_names, part.image_class_counts.sum(axis=0).tolist(), strict=True)
        if part.images and not count and name != HELD_BACK
    ]
    return Cases(len(missing), missing)


def parted_images(parts: Mapping[str, Annotations], related: Sequence[Sequence[int]]) -> Cases:
    """Finds images that belong together and are in several parts.

    Args:
        parts: the annotations of each split by its name.
        related: ids of images that belong together.
    """
    images = {image["id"]: (name, image["file_name"]) for name, part in parts.items() for image in part.images}
    leaks = [
        {
            "where": images[group[0]][1],
            "image_ids": list(group),
            "detail": ", ".join(f"{images[image_id][1]} in {images[image_id][0]}" for image_id in group[:4]),
        }
        for group in related
        if len({images[image_id][0] for image_id in group}) > 1
    ]
    return Cases(len(leaks), leaks)
