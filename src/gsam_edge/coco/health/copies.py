"""Finds images that teach nothing of their own: copies, and those of a few pixels."""

from collections.abc import Sequence

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.health.cases import Cases


def copied_images(annotations: Annotations, groups: Sequence[Sequence[int]]) -> Cases:
    """Finds copied images, largest groups first; the image with most objects, crowds aside, counts as the original."""
    known, labelled = annotations.image_by_id, annotations.image_class_counts.sum(axis=1)
    objects = dict(zip(known, labelled.tolist(), strict=True))
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
        best = max(images, key=lambda image: objects[image["id"]])
        copies |= {image["id"] for image in images if image is not best}
    return Cases(len(copies), examples, frozenset(copies))


def tiny_images(annotations: Annotations, smallest_side: int) -> Cases:
    """Finds images with a side shorter than `smallest_side` pixels; smallest first."""
    found = [image for image in annotations.images if min(image["width"], image["height"]) < smallest_side]
    found.sort(key=lambda image: min(image["width"], image["height"]))
    examples = [
        {
            "where": image["file_name"],
            "image_ids": [image["id"]],
            "detail": f"{image['width']} x {image['height']} pixels",
        }
        for image in found
    ]
    return Cases(len(found), examples, frozenset(image["id"] for image in found))
