"""Reads some annotations of a COCO file, evenly spaced, into columns that show in which convention it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.checks.values import as_segmentation, read_text
from gsam_edge.coco.geometry.segmentation import segmentation_area
from gsam_edge.coco.geometry.shapes import brief, finite_area, finite_numbers, polygon_fault, whole_number

#: Annotations that are looked at. What holds for a file as a whole shows in so many, and reading them takes
#: milliseconds whatever the file's size.
_LOOKED_AT = 1000

_NO_SHAPE = (np.nan,) * 4


def sampled(raw: Sequence[Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yields row and record of at most 1000 annotations, evenly spaced; those that are no mapping are left out."""
    for row in np.linspace(0, len(raw) - 1, min(len(raw), _LOOKED_AT)).astype(np.int64).tolist():
        record = raw[row]
        if isinstance(record, Mapping):
            yield row, record


def image_of(record: Any, images: Mapping[int, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Returns the image record of an annotation; None where it names none of `images`."""
    image_id = whole_number(record.get("image_id")) if isinstance(record, Mapping) else None
    return None if image_id is None else images.get(image_id)


def box_of(record: Mapping[str, Any]) -> list[float] | None:
    """Returns the four numbers under `bbox`, whole ones as int; None where it is not four finite numbers."""
    box = read_text(record.get("bbox"))
    numbers = finite_numbers(box)
    return list(box) if numbers is not None and len(numbers) == 4 else None


def polygons_of(record: Mapping[str, Any]) -> list[list[float]] | None:
    """Returns the polygons [x0, y0, x1, y1, ...] of an annotation; None where one has a fault or there is none."""
    polygons = as_segmentation(record.get("segmentation"))
    if not isinstance(polygons, list) or not polygons or any(map(polygon_fault, polygons)):
        return None
    return polygons


def extent(polygons: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    """Returns left, top, right and bottom of polygons."""
    x = [value for polygon in polygons for value in polygon[::2]]
    y = [value for polygon in polygons for value in polygon[1::2]]
    return min(x), min(y), max(x), max(y)


@dataclass(frozen=True, eq=False)
class Sample:
    """N annotations with different boxes or outlines, on images that are there.

    Attributes:
        box: float64 [N, 4], the numbers under `bbox`, whatever they mean; NaN where there is none.
        mask: float64 [N, 4], corners (x1 y1 x2 y2, pixels) of the extent of the mask; NaN where there is none.
        is_outlined: bool [N], whether the mask is polygons.
        area: float64 [N], as declared, NaN where there is none.
        wh: float64 [N, 2], width and height of the image file.
        records: the N annotations with their image records, for messages.
    """

    box: NDArray[np.float64]
    mask: NDArray[np.float64]
    is_outlined: NDArray[np.bool_]
    area: NDArray[np.float64]
    wh: NDArray[np.float64]
    records: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]

    @classmethod
    def of(cls, raw: Sequence[Any], images: Mapping[int, Mapping[str, Any]]) -> Self:
        """Reads the sample.

        Args:
            raw: the list that a COCO file holds under `annotations`.
            images: the sound images by every id that stands for one.
        """
        rows: dict[Any, tuple[Any, ...]] = {}
        for _, record in sampled(raw):
            image = image_of(record, images)
            if image is None:
                continue
            box, mask, is_outlined = _shapes(record, (image["height"], image["width"]))
            if box is None and mask is None:
                continue
            # A box that is repeated on every image is evidence only once.
            key = tuple(box or ()), tuple(mask or ())
            area, wh = finite_area(read_text(record.get("area"))), (image["width"], image["height"])
            rows.setdefault(key, (box or _NO_SHAPE, mask or _NO_SHAPE, is_outlined, area, wh, (record, image)))
        columns = list(zip(*rows.values(), strict=True)) if rows else [()] * 6
        boxes, masks, outlined, areas, sizes, records = columns
        return cls(
            np.array(boxes, np.float64).reshape(-1, 4),
            np.array(masks, np.float64).reshape(-1, 4),
            np.array(outlined, bool),
            np.array(areas, np.float64),
            np.array(sizes, np.float64).reshape(-1, 2),
            records,
        )

    @property
    def has_box(self) -> NDArray[np.bool_]:
        """Whether there is a box, bool [N]."""
        return ~np.isnan(self.box[:, 0])

    @property
    def has_mask(self) -> NDArray[np.bool_]:
        """Whether there is a mask of which the extent is known, bool [N]."""
        return ~np.isnan(self.mask[:, 0])

    def told(self, row: int) -> str:
        """Returns one annotation in words, with its image and what stands under `bbox` and `segmentation`."""
        record, image = self.records[row]
        place = f"{image['file_name']!r} ({image['width']} x {image['height']} pixels)"
        shapes = [f"the {key} {brief(record[key])}" for key in ("bbox", "segmentation") if record.get(key)]
        return f"annotation {brief(record.get('id'))} of {place} has {' and '.join(shapes)}"

    def take(self, chosen: NDArray[np.bool_]) -> Self:
        """Returns the annotations that are chosen, bool [N]."""
        return type(self)(
            self.box[chosen], self.mask[chosen], self.is_outlined[chosen], self.area[chosen], self.wh[chosen],
            list(compress(self.records, chosen.tolist())),
        )  # fmt: skip


def _shapes(
    record: Mapping[str, Any], image_hw: tuple[int, int]
) -> tuple[list[float] | None, Sequence[float] | None, bool]:
    """Returns box, extent of the mask and whether the mask is polygons."""
    box, polygons = box_of(record), polygons_of(record)
    if polygons is not None:
        return box, extent(polygons), True
    segmentation = as_segmentation(record.get("segmentation"))
    if box is None or not isinstance(segmentation, Mapping):  # a mask of pixels tells something only beside a box
        return box, None, False
    try:
        area, xywh = segmentation_area(segmentation, image_hw)
    except ValueError:  # a damaged RLE: the checks of the records report it
        return box, None, False
    return box, (xywh[0], xywh[1], xywh[0] + xywh[2], xywh[1] + xywh[3]) if area else None, False
