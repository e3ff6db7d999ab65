"""The frequently used fields of annotation records as numpy columns: a million records take milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

#: Marks a box that was computed from its mask; such a box does not count for `has_boxes`.
BBOX_SOURCE = "bbox_source"
FROM_SEGMENTATION = "segmentation"


def has_labelled_box(record: Mapping[str, Any]) -> bool:
    """Whether an annotation record has a box that was not computed from its mask."""
    return bool(record.get("bbox")) and record.get(BBOX_SOURCE) != FROM_SEGMENTATION


@dataclass(frozen=True, eq=False)
class ObjectColumns:
    """Columns of N sound annotation records, one row per record.

    Attributes:
        image_id: int64 [N].
        category_id: int64 [N].
        is_crowd: bool [N].
        has_mask: bool [N], whether there is a segmentation.
        has_labelled_box: bool [N], whether there is a box that was not computed from the mask.
        has_area: bool [N].
        xywh: float64 [N, 4], left, top, width and height in pixels; NaN where there is no box.
    """

    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]
    has_mask: NDArray[np.bool_]
    has_labelled_box: NDArray[np.bool_]
    has_area: NDArray[np.bool_]
    xywh: NDArray[np.float64]

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> Self:
        """Builds the columns from records, read one by one."""
        rows = [
            (
                record["image_id"],
                record["category_id"],
                bool(record.get("iscrowd")),
                bool(record.get("segmentation")),
                has_labelled_box(record),
                record.get("area") is not None,
                record.get("bbox") or (np.nan,) * 4,
            )
            for record in records
        ]
        columns = zip(*rows, strict=True) if rows else [()] * 7
        image_id, category_id, is_crowd, has_mask, own_box, has_area, xywh = columns
        return cls(
            np.array(image_id, np.int64),
            np.array(category_id, np.int64),
            np.array(is_crowd, bool),
            np.array(has_mask, bool),
            np.array(own_box, bool),
            np.array(has_area, bool),
            np.array(xywh, np.float64).reshape(-1, 4),
        )

    def __len__(self) -> int:
        return len(self.image_id)

    @property
    def has_box(self) -> NDArray[np.bool_]:
        """Whether there is a box, computed or not, bool [N]."""
        return ~np.isnan(self.xywh[:, 0])

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Returns these rows, in this order."""
        return type(self)(*(getattr(self, column.name)[rows] for column in fields(self)))

    def with_rows(self, rows: NDArray[np.int64], other: ObjectColumns) -> Self:
        """Returns the same columns with `other`'s rows in place of `rows`."""
        columns = {column.name: getattr(self, column.name).copy() for column in fields(self)}
        for name, values in columns.items():
            values[rows] = getattr(other, name)
        return type(self)(**columns)


class RowsOfImages(Mapping[int, tuple[Mapping[str, Any], ...]]):
    """Mapping of image ids to annotation records, which are read on access; every image has an entry, empty or not.

    Args:
        image_ids: the images, in the order of iteration.
        records: the annotation records.
        owners: int64 [N], the image id of each record.

    Raises:
        KeyError: if a record belongs to none of the images.
    """

    def __init__(
        self, image_ids: Iterable[int], records: Sequence[Mapping[str, Any]], owners: NDArray[np.int64]
    ) -> None:
        self._records = records
        self._order = np.argsort(owners, kind="stable")
        owner_ids, starts, counts = np.unique(owners[self._order], return_index=True, return_counts=True)
        self._span: dict[int, tuple[int, int]] = dict.fromkeys(image_ids, (0, 0))
        for owner, start, count in zip(owner_ids.tolist(), starts.tolist(), counts.tolist(), strict=True):
            if owner not in self._span:
                raise KeyError(owner)
            self._span[owner] = (start, start + count)

    def __getitem__(self, image_id: int) -> tuple[Mapping[str, Any], ...]:
        start, end = self._span[image_id]
        return tuple(self._records[row] for row in self._order[start:end].tolist())

    def __iter__(self) -> Iterator[int]:
        return iter(self._span)

    def __len__(self) -> int:
        return len(self._span)


def positions(known: Sequence[int], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the index in `known` (unique ids) of each of `wanted`; raises KeyError for unknown ids."""
    ids = np.array(known, np.int64)
    order = np.argsort(ids)
    places = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)] if len(ids) else wanted[:0]
    if len(places) != len(wanted) or (ids[places] != wanted).any():
        raise KeyError(f"expected ids of {len(ids)} known records, got {np.setdiff1d(wanted, ids)[:5].tolist()}")
    return places
