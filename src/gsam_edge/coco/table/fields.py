"""Reads annotation records from JSON text into columns, before they are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Annotated, Any, Self, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from gsam_edge.coco.geometry.outlines import Outlines, read_outlines
from gsam_edge.coco.geometry.shapes import MAX_AREA, MAX_COORDINATE
from gsam_edge.coco.table.columns import FROM_SEGMENTATION, ObjectColumns
from gsam_edge.coco.table.gc_pause import gc_paused
from gsam_edge.coco.table.records import JsonRecords, ObjectTable

#: Records that are read at once: their numbers fit into a processor's cache.
_CHUNK = 4000

_Id: TypeAlias = Annotated[int, Meta(gt=-(2**63), le=2**63 - 1)]
_Side: TypeAlias = Annotated[float, Meta(ge=-MAX_COORDINATE, le=MAX_COORDINATE)]
_Area: TypeAlias = Annotated[float, Meta(ge=-MAX_AREA, le=MAX_AREA)]


class _Record(msgspec.Struct, gc=False):
    """A record in which every value has the type that COCO requires; other records are checked one by one."""

    image_id: _Id
    category_id: _Id
    id: _Id
    bbox: tuple[_Side, _Side, _Side, _Side] | None = None
    area: _Area | None = None
    iscrowd: Annotated[int, Meta(ge=0, le=1)] = 0
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    bbox_source: Any = None


_ONE = msgspec.json.Decoder(_Record)
_MANY = msgspec.json.Decoder(list[_Record])
_STRANGE = _Record(0, 0, 0)
_NO_BOX = (np.nan,) * 4
#: Characters that may follow the bracket that opens an empty list or mapping.
_AFTER_BLANK = frozenset((b"]", b"}", b" ", b"\t", b"\r", b"\n"))


@dataclass(frozen=True, eq=False)
class ObjectFields:
    """Columns of N annotation records as in their file: of the right type, but not checked.

    Attributes:
        is_regular: bool [N], whether every value has the type that COCO requires; where not, the other columns hold
            nothing of use.
        id, image_id, category_id: int64 [N].
        is_crowd: bool [N].
        xywh: float64 [N, 4], the box, NaN where there is none.
        has_labelled_box: bool [N], whether there is a box that was not computed from the mask.
        area: float64 [N], NaN where there is none.
        is_maskless: bool [N], no segmentation, or null.
        is_blank: bool [N], an empty segmentation.
        is_outlined: bool [N], a segmentation of polygons with three corners or more each.
        polygon_area: float64 [N], sum over the polygons, by the shoelace formula; this and the next are of use where
            `is_outlined`.
        polygon_length: float64 [N], of the longest outline, pixels.
        covers_a_pixel: bool [N], whether a polygon surely does (see `Outlines.cover_a_pixel`).
        low, high: float64 [N, 2], smallest and largest x and y of all corners.
        first: float64 [N, 2], x and y of the first corner.
        corners: int64 [N], number of corners.
    """

    is_regular: NDArray[np.bool_]
    id: NDArray[np.int64]
    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]
    xywh: NDArray[np.float64]
    has_labelled_box: NDArray[np.bool_]
    area: NDArray[np.float64]
    is_maskless: NDArray[np.bool_]
    is_blank: NDArray[np.bool_]
    is_outlined: NDArray[np.bool_]
    polygon_area: NDArray[np.float64]
    polygon_length: NDArray[np.float64]
    covers_a_pixel: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    first: NDArray[np.float64]
    corners: NDArray[np.int64]

    @classmethod
    def read(cls, texts: Sequence[msgspec.Raw]) -> Self:
        """Reads records from their JSON text, a chunk at a time."""
        chunks = [_read_chunk(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
        return cls(**{field.name: np.concatenate([chunk[field.name] for chunk in chunks]) for field in fields(cls)})

    def columns(self) -> ObjectColumns:
        """Returns the columns that sound annotations keep; the caller replaces rows that are not sound."""
        return _columns(vars(self))


def sound_table(records: JsonRecords) -> ObjectTable:
    """Builds a table of records that are known to be sound, with their columns.

    Raises:
        KeyError, TypeError or ValueError: if a record is not sound after all.
    """
    texts = records.items
    with gc_paused():
        chunks = [_read_types(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
    typed = (
        {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]} if chunks else _typed([], [])
    )
    strange = np.flatnonzero(~typed["is_regular"])
    others = ObjectColumns.of(records[row] for row in strange.tolist())
    return ObjectTable(texts, _columns(typed).with_rows(strange, others))


def _columns(typed: Mapping[str, NDArray[Any]]) -> ObjectColumns:
    return ObjectColumns(
        image_id=typed["image_id"],
        category_id=typed["category_id"],
        is_crowd=typed["is_crowd"],
        has_mask=~(typed["is_maskless"] | typed["is_blank"]),
        has_labelled_box=typed["has_labelled_box"],
        has_area=~np.isnan(typed["area"]),
        xywh=typed["xywh"],
    )


def _read_types(texts: Sequence[msgspec.Raw]) -> dict[str, NDArray[Any]]:
    records = _decoded(texts)
    return _typed(records, [bytes(record.segmentation) for record in records])


def _read_chunk(texts: Sequence[msgspec.Raw]) -> dict[str, NDArray[Any]]:
    records = _decoded(texts)
    segmentations = [bytes(record.segmentation) for record in records]
    outlines, is_read = read_outlines(segmentations)
    return _typed(records, segmentations) | _summary(outlines, is_read)


def _typed(records: Sequence[_Record], segmentations: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    """Returns the columns that need no geometry."""
    return {
        "is_regular": np.array([record is not _STRANGE for record in records], bool),
        "id": np.array([record.id for record in records], np.int64),
        "image_id": np.array([record.image_id for record in records], np.int64),
        "category_id": np.array([record.category_id for record in records], np.int64),
        "is_crowd": np.array([record.iscrowd for record in records], bool),
        "xywh": np.fromiter(chain.from_iterable(record.bbox or _NO_BOX for record in records), float).reshape(-1, 4),
        "has_labelled_box": np.array(
            [record.bbox is not None and record.bbox_source != FROM_SEGMENTATION for record in records], bool
        ),
        "area": np.array([np.nan if record.area is None else record.area for record in records], np.float64),
        "is_maskless": np.array([text == b"null" for text in segmentations], bool),
        "is_blank": np.array([text[1:2] in _AFTER_BLANK and _is_blank(text) for text in segmentations], bool),
    }


def _is_blank(text: bytes) -> bool:
    """Whether JSON text is an empty list or mapping."""
    return text[:1] in (b"[", b"{") and not msgspec.json.decode(text)


def _decoded(texts: Sequence[msgspec.Raw]) -> list[_Record]:
    try:
        return _MANY.decode(b"[" + b",".join(texts) + b"]")
    except msgspec.ValidationError:
        return [_decoded_one(text) for text in texts]


def _decoded_one(text: msgspec.Raw) -> _Record:
    try:
        return _ONE.decode(text)
    except msgspec.ValidationError:
        return _STRANGE


def _summary(outlines: Outlines, is_read: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Returns the columns that summarise the polygons of each annotation."""
    count = len(is_read)
    pairs, numbers = np.zeros((count, 2)), np.zeros(count)
    summary: dict[str, NDArray[Any]] = {
        "is_outlined": np.zeros(count, bool), "polygon_area": numbers, "polygon_length": numbers.copy(),
        "covers_a_pixel": np.zeros(count, bool), "low": pairs, "high": pairs.copy(), "first": pairs.copy(),
        "corners": np.zeros(count, np.int64),
    }  # fmt: skip
    if not len(outlines.rows):
        return summary
    areas, lengths = outlines.areas_and_lengths()
    low, high = outlines.extents()
    rows, starts = np.unique(outlines.rows, return_index=True)
    summary["is_outlined"][rows] = np.minimum.reduceat(outlines.sizes, starts) >= 3
    summary["polygon_area"][rows] = np.add.reduceat(areas, starts)
    summary["polygon_length"][rows] = np.maximum.reduceat(lengths, starts)
    summary["covers_a_pixel"][rows] = np.logical_or.reduceat(outlines.cover_a_pixel(areas, lengths, low, high), starts)
    summary["low"][rows] = np.minimum.reduceat(low, starts)
    summary["high"][rows] = np.maximum.reduceat(high, starts)
    summary["first"][rows] = outlines.xy[outlines.starts[starts]]
    summary["corners"][rows] = np.add.reduceat(outlines.sizes, starts)
    return summary
