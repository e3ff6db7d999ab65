"""COCO annotations as a frozen value that answers what the data holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xywh_to_xyxy
from gsam_edge.vision.masks import decode_segmentation, masks_to_xyxy

#: Marks a box that was computed from its mask; such a box does not count for `has_boxes`.
BBOX_SOURCE = "bbox_source"
FROM_SEGMENTATION = "segmentation"
#: Under this key beside `images` and `annotations` stands the digest of the file that the value was read from.
SOURCE = "source_digest"


@dataclass(frozen=True)
class RawCoco:
    """A COCO file as its maker left it: its JSON value, whatever that is, and the sha256 of its bytes."""

    content: Any
    digest: str


def has_own_box(record: Mapping[str, Any]) -> bool:
    """Whether an annotation record carries a box that was not computed from its mask."""
    return bool(record.get("bbox")) and record.get(BBOX_SOURCE) != FROM_SEGMENTATION


@dataclass(frozen=True)
class Annotations:
    """Images, objects and classes of one COCO file, checked (see `coco.validate`), never changed.

    Attributes:
        images: COCO image records with `id`, `file_name`, `width` and `height` (pixels).
        objects: COCO annotation records with `id`, `image_id`, `category_id`, `bbox` (xywh, pixels) and/or
            `segmentation`.
        categories: COCO category records with `id` and `name`, in the order that fixes the student's class ids.
        info: what else the file holds (`info`, `licenses`), carried along untouched.
    """

    images: tuple[Mapping[str, Any], ...]
    objects: tuple[Mapping[str, Any], ...]
    categories: tuple[Mapping[str, Any], ...]
    info: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_coco(cls, content: Mapping[str, Any]) -> Self:
        """The value of a COCO mapping that is known to be sound; unchecked files go through `coco.validate`."""
        rest = {key: value for key, value in content.items() if key not in ("images", "annotations", "categories")}
        return cls(tuple(content["images"]), tuple(content["annotations"]), tuple(content["categories"]), rest)

    def to_coco(self) -> dict[str, Any]:
        """A COCO mapping ready for JSON; `Annotations.from_coco` gives an equal value back."""
        return {
            **self.info,
            "images": [dict(image) for image in self.images],
            "annotations": [dict(record) for record in self.objects],
            "categories": [dict(category) for category in self.categories],
        }

    @property
    def source(self) -> str | None:
        """Digest of the COCO file that this value was read from, None where nobody recorded it (see `with_source`)."""
        return self.info.get(SOURCE)

    def with_source(self, digest: str) -> Self:
        """The same value that remembers the file it came from; subsets remember it too."""
        return replace(self, info={**self.info, SOURCE: digest})

    @cached_property
    def has_boxes(self) -> bool:
        """Whether any object, crowds aside, carries a box of its own, not one computed from its mask."""
        return any(has_own_box(record) for record in self.objects if not record.get("iscrowd"))

    @cached_property
    def has_masks(self) -> bool:
        """Whether any object, crowds aside, carries a segmentation."""
        return any(record.get("segmentation") for record in self.objects if not record.get("iscrowd"))

    @cached_property
    def class_mapping(self) -> dict[int, str]:
        """The student's class ids 0..n-1, in category order, to class names."""
        return {index: category["name"] for index, category in enumerate(self.categories)}

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names by the student's id."""
        return tuple(self.class_mapping.values())

    @property
    def num_classes(self) -> int:
        """How many classes the categories name."""
        return len(self.categories)

    @cached_property
    def class_id_of_category(self) -> dict[int, int]:
        """COCO category ids (any start, any gaps) to the student's class ids 0..n-1."""
        return {category["id"]: index for index, category in enumerate(self.categories)}

    @cached_property
    def objects_of_image(self) -> dict[int, tuple[Mapping[str, Any], ...]]:
        """Image ids to their annotation records; every image has an entry, empty where nothing is annotated."""
        grouped: dict[int, list[Mapping[str, Any]]] = {image["id"]: [] for image in self.images}
        for record in self.objects:
            grouped[record["image_id"]].append(record)
        return {image_id: tuple(records) for image_id, records in grouped.items()}

    @cached_property
    def image_by_id(self) -> dict[int, Mapping[str, Any]]:
        """Image ids to their records."""
        return {image["id"]: image for image in self.images}

    def subset(self, image_ids: Iterable[int]) -> Self:
        """The same classes with only these images, in this value's order, and their objects."""
        wanted = set(image_ids)
        return type(self)(
            tuple(image for image in self.images if image["id"] in wanted),
            tuple(record for record in self.objects if record["image_id"] in wanted),
            self.categories,
            self.info,
        )

    def truth(self, image_id: int, *, crowds: bool = False) -> Detections:
        """The labelled objects of one image as Detections with score 1.

        Args:
            image_id: a COCO image id of this value.
            crowds: whether `iscrowd` regions are included; they are no single objects, so training leaves them out.

        Returns:
            Detections with masks where `has_masks`; an object without a segmentation then has an empty mask, an object
            without a box the tight box of its mask.

        Raises:
            KeyError: if the image is not part of this value.
        """
        image = self.image_by_id[image_id]
        image_hw = (image["height"], image["width"])
        records = [record for record in self.objects_of_image[image_id] if crowds or not record.get("iscrowd")]
        if not records:
            return Detections.empty(mask_hw=image_hw if self.has_masks else None)
        masks = None
        if self.has_masks:
            empty = np.zeros(image_hw, bool)
            masks = np.stack(
                [decode_segmentation(r["segmentation"], image_hw) if r.get("segmentation") else empty for r in records]
            )
        xyxy = np.zeros((len(records), 4), np.float32)
        for row, record in enumerate(records):
            if record.get("bbox"):
                xyxy[row] = xywh_to_xyxy(record["bbox"])[0]
            elif masks is not None:
                xyxy[row] = masks_to_xyxy(masks[row : row + 1])[0]
        return Detections(
            xyxy=xyxy,
            scores=np.ones(len(records), np.float32),
            class_ids=np.array([self.class_id_of_category[r["category_id"]] for r in records], np.int64),
            masks=masks,
        )
