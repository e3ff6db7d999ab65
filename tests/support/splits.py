"""Datasets of images that show given classes, and how they are split."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gsam_edge.coco import Annotations, SplitConfig


def dataset(
    classes_of_images: Sequence[Collection[int]], extras: Mapping[int, Mapping[str, Any]] | None = None
) -> Annotations:
    """Returns images, ids 0, 1, ..., with one object of each class listed; `extras` are further keys by image id."""
    num_classes = max((c for classes in classes_of_images for c in classes), default=0) + 1
    images = tuple(
        {"id": row, "file_name": f"{row:04}.png", "height": 8, "width": 8, **((extras or {}).get(row, {}))}
        for row in range(len(classes_of_images))
    )
    objects = [
        {"image_id": row, "category_id": c, "bbox": [0, 0, 2, 2]}
        for row, classes in enumerate(classes_of_images)
        for c in classes
    ]
    numbered = tuple({"id": row, **record} for row, record in enumerate(objects))
    return Annotations(images, numbered, tuple({"id": c, "name": f"class {c}"} for c in range(num_classes)))


def ratios(
    train: float = 0.7,
    val: float = 0.15,
    test: float | None = 0.15,
    group_by: str = "auto",
    ready_made: str = "auto",
    labels: Any = "all",
) -> SplitConfig:
    """Returns a configuration of the split."""
    return SplitConfig(train=train, val=val, test=test, group_by=group_by, ready_made=ready_made, labels=labels)


def ids(parts: Mapping[str, Annotations]) -> dict[str, set[int]]:
    """Returns the image ids of each part."""
    return {name: {image["id"] for image in part.images} for name, part in parts.items()}
