"""The annotations of one COCO dataset as an immutable value."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.records import record_masks, record_xyxy
from gsam_edge.coco.geometry.segmentation import (
    Rle,
    empty_rle,
    segmentation_to_rle,
)
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.table.columns import (
    BBOX_SOURCE,
    FROM_SEGMENTATION,
    ObjectColumns,
    RowsOfImages,
    positions,
)
from gsam_edge.coco.table.fields import sound_table
from gsam_edge.coco.table.raw import parse_json
from gsam_edge.coco.table.records import JsonRecords, ObjectTable
from gsam_edge.vision import Detections

__all__ = ["BBOX_SOURCE", "FROM_SEGMENTATION", "IMAGES", "SOURCE", "SPLIT", "Annotations"]

#: Key beside `images` and `annotations`: the digest of the file that the value was read from.
SOURCE = "source_digest"
#: Key beside them: the digest of all images of that file, whatever is labelled on them.
IMAGES = "images_digest"
#: Key in each part of a split: the digest of how all images were split.
SPLIT = "split_digest"

#: Records that `to_json` joins at a time: few enough to need little memory, enough to be fast.
_JOINED = 1024


@dataclass(frozen=True)
class Annotations:
    """Images, objects and classes of one COCO file, checked (see `coco.validate`), never changed.

    Attributes:
        images: COCO image records with `id`, `file_name`, `width` and `height` (pixels).
        objects: COCO annotation records with `id`, `image_id`, `category_id`, `bbox` (xywh, pixels) and/or
            `segmentation`; a tuple, or an `ObjectTable` whose records are parsed one by one on access.
        categories: COCO category records with `id` and `name`, in the order that fixes the student's class ids.
        info: the file's other keys (`info`, `licenses`), kept unchanged.
    """

    images: tuple[Mapping[str, Any], ...]
    objects: Sequence[Mapping[str, Any]]
    categories: tuple[Mapping[str, Any], ...]
    info: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Says how much is in it, where a notebook would otherwise show all records."""
        return f"Annotations({len(self.images)} images, {len(self.objects)} objects, {len(self.categories)} classes)"

    @classmethod
    def from_coco(cls, content: Mapping[str, Any]) -> Self:
        """Builds the value from a sound COCO mapping; unchecked files go through `coco.validate`."""
        rest = {key: value for key, value in content.items() if key not in ("images", "annotations", "categories")}
        records = content["annotations"]
        objects = sound_table(records) if isinstance(records, JsonRecords) else tuple(records)
        return cls(tuple(content["images"]), objects, tuple(content["categories"]), rest)

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            InvalidDatasetError: if `to_json` did not write it.
        """
        value = parse_json(content)
        try:
            return cls.from_coco(value)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidDatasetError(
                f"expected the COCO file of an earlier run, got {error!r}; run data_validation again"
            ) from error

    def to_json(self) -> bytes:
        """Returns a COCO file; annotations that were never parsed are written as they were read."""
        return b"".join(self._json_parts())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes that `to_json` writes, hexadecimal: the identity of this value.

        The value read back from these bytes has the same digest. Records that are equal but were written differently
        (blanks, the order of keys, 1.0 for 1) have a different one: they are hashed as text, not parsed.
        """
        digest = hashlib.sha256()
        for part in self._json_parts():
            digest.update(part)
        return digest.hexdigest()

    def _json_parts(self) -> Iterator[bytes]:
        """Yields the file of `to_json` piece by piece."""
        rest = {**self.info, "images": self.images, "categories": self.categories}
        # Sorted, because reading a file does not keep the order of its outermost keys.
        text = json.dumps(dict(sorted(rest.items())), separators=(",", ":")).encode()
        yield text[:-1] + b',"annotations":['
        objects = self.objects if isinstance(self.objects, JsonRecords) else JsonRecords(self.objects)
        texts = objects.json_texts()
        comma = b""
        while some := b",".join(islice(texts, _JOINED)):
            yield comma + some
            comma = b","
        yield b"]}"

    def to_coco(self) -> dict[str, Any]:
        """Returns a COCO mapping ready for JSON; `Annotations.from_coco` gives an equal value back."""
        return {
            **self.info,
            "images": [dict(image) for image in self.images],
            "annotations": [dict(record) for record in self.objects],
            "categories": [dict(category) for category in self.categories],
        }

    @property
    def source(self) -> str | None:
        """Digest of the COCO file that this value was read from, None where it was not recorded (see `with_source`)."""
        return self.info.get(SOURCE)

    def with_source(self, digest: str) -> Self:
        """Returns the same value with the digest of its source file; subsets keep it."""
        return replace(self, info={**self.info, SOURCE: digest})

    @property
    def images_digest(self) -> str | None:
        """Digest of all images of the source file (`provenance.images_digest`), None where it was not recorded."""
        return self.info.get(IMAGES)

    def with_images_digest(self, digest: str) -> Self:
        """Returns the same value with the digest of its source's images; subsets keep it."""
        return replace(self, info={**self.info, IMAGES: digest})

    @property
    def split_digest(self) -> str | None:
        """Digest of the split that this value is a part of, None if it is not part of one (see `provenance`)."""
        return self.info.get(SPLIT)

    @cached_property
    def columns(self) -> ObjectColumns:
        """The objects as columns, one row per object."""
        return self.objects.columns if isinstance(self.objects, ObjectTable) else ObjectColumns.of(self.objects)

    @cached_property
    def has_boxes(self) -> bool:
        """Whether any object, crowds aside, has a labelled box, not one computed from its mask."""
        return bool((self.columns.has_labelled_box & ~self.columns.is_crowd).any())

    @cached_property
    def has_masks(self) -> bool:
        """Whether any object, crowds aside, has a segmentation."""
        return bool((self.columns.has_mask & ~self.columns.is_crowd).any())

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
        """The number of classes."""
        return len(self.categories)

    @cached_property
    def class_id_of_category(self) -> dict[int, int]:
        """COCO category ids (any start, any gaps) to the student's class ids 0..n-1."""
        return {category["id"]: index for index, category in enumerate(self.categories)}

    @cached_property
    def objects_of_image(self) -> Mapping[int, tuple[Mapping[str, Any], ...]]:
        """Image ids to their annotation records; every image has an entry, empty where nothing is annotated."""
        return RowsOfImages((image["id"] for image in self.images), self.objects, self.columns.image_id)

    @cached_property
    def rles_of_image(self) -> Mapping[int, tuple[Rle | None, ...]]:
        """Image ids to the masks of their annotation records, in the same order; None where there is none.

        Cached, so that polygons are drawn once for all metrics; RLEs are small even when there are many.
        """
        return {
            image["id"]: tuple(
                segmentation_to_rle(record["segmentation"], (image["height"], image["width"]))
                if record.get("segmentation")
                else None
                for record in self.objects_of_image[image["id"]]
            )
            for image in self.images
        }

    @cached_property
    def image_class_counts(self) -> NDArray[np.int32]:
        """Number of objects per image and class, crowds aside, int32 [images, classes], both in this value's order."""
        counts = np.zeros((len(self.images), self.num_classes), np.int32)
        columns = self.columns
        is_object = ~columns.is_crowd
        row = positions([image["id"] for image in self.images], columns.image_id[is_object])
        column = positions(list(self.class_id_of_category), columns.category_id[is_object])
        np.add.at(counts, (row, column), 1)
        return counts

    @cached_property
    def image_by_id(self) -> dict[int, Mapping[str, Any]]:
        """Image ids to their records."""
        return {image["id"]: image for image in self.images}

    def subset(self, image_ids: Iterable[int]) -> Self:
        """Returns the same classes with only these images, in this value's order, and their objects."""
        wanted = set(image_ids)
        rows = np.flatnonzero(np.isin(self.columns.image_id, np.fromiter(wanted, np.int64, len(wanted))))
        images = tuple(image for image in self.images if image["id"] in wanted)
        return replace(self.taking_objects(rows), images=images)

    def taking_objects(self, rows: NDArray[np.int64]) -> Self:
        """Returns the same value with only the objects at `rows`, in this order."""
        if isinstance(self.objects, ObjectTable):
            return replace(self, objects=self.objects.take(rows))
        return replace(self, objects=tuple(self.objects[row] for row in rows.tolist()))

    def with_objects(self, rows: NDArray[np.int64], records: Sequence[Mapping[str, Any]]) -> Self:
        """Returns the same value with `records` in place of the objects at `rows`."""
        if isinstance(self.objects, ObjectTable):
            return replace(self, objects=self.objects.with_rows(rows, records))
        objects = list(self.objects)
        for row, record in zip(rows.tolist(), records, strict=True):
            objects[row] = record
        return replace(self, objects=tuple(objects))

    def truth(self, image_id: int, *, crowds: bool = False, masks: bool = True) -> Detections:
        """Returns the labelled objects of one image as Detections with score 1.

        Args:
            image_id: a COCO image id of this value.
            crowds: whether `iscrowd` regions are included; they are no single objects, so training leaves them out.
            masks: whether masks are wanted. Decoding them takes most of the time and nearly all of the memory, so leave
                them out where boxes suffice; all else is the same.

        Returns:
            Detections with masks where they are wanted and `has_masks`; an object without a segmentation then has an
            empty mask. An object without a box has the tight box of its mask.

        Raises:
            KeyError: if the image is not part of this value.
        """
        image = self.image_by_id[image_id]
        image_hw = (image["height"], image["width"])
        records = [record for record in self.objects_of_image[image_id] if crowds or not record.get("iscrowd")]
        with_masks = masks and self.has_masks
        if not records:
            return Detections.empty(mask_hw=image_hw if with_masks else None)
        xyxy = np.zeros((len(records), 4), np.float32)
        for row, record in enumerate(records):
            xyxy[row] = record_xyxy(record, image_hw)
        return Detections(
            xyxy=xyxy,
            scores=np.ones(len(records), np.float32),
            class_ids=np.array([self.class_id_of_category[r["category_id"]] for r in records], np.int64),
            masks=record_masks(records, image_hw) if with_masks else None,
        )

    def packed_truth(self, image_id: int, *, masks: bool = True) -> PackedDetections:
        """Returns `truth` of one image without crowds, with its masks as RLE, never decoded.

        Args:
            image_id: a COCO image id of this value.
            masks: whether masks are wanted.

        Raises:
            KeyError: if the image is not part of this value.
        """
        unmasked = self.truth(image_id, masks=False)
        if not (masks and self.has_masks):
            return PackedDetections(unmasked, None, ())
        image_hw = (self.image_by_id[image_id]["height"], self.image_by_id[image_id]["width"])
        records = zip(self.objects_of_image[image_id], self.rles_of_image[image_id], strict=True)
        rles = tuple(rle or empty_rle(image_hw) for record, rle in records if not record.get("iscrowd"))
        return PackedDetections(unmasked, image_hw, rles)
