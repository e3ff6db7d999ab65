"""Records of a JSON list that stay text until they are accessed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.table.columns import ObjectColumns


class JsonRecords(Sequence[Any]):
    """JSON values, each parsed on access, so that a million of them need little more memory than their file.

    Equal to any sequence of equal values. Two accesses give two equal values, not the same object.

    Args:
        items: values, some or all of them still as JSON text.
    """

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> JsonRecords: ...
    def __getitem__(self, index: int | slice) -> Any:
        return JsonRecords(self.items[index]) if isinstance(index, slice) else _parsed(self.items[index])

    def __iter__(self) -> Iterator[Any]:
        return map(_parsed, self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} records)"

    def json_texts(self) -> Iterator[bytes]:
        """Yields each value as compact JSON; text that was never parsed is given as it was read."""
        for item in self.items:
            yield bytes(item) if isinstance(item, msgspec.Raw) else json.dumps(item, separators=(",", ":")).encode()


class ObjectTable(JsonRecords):
    """Sound annotation records with their columns.

    Args:
        items: the records, some or all of them still as JSON text.
        columns: the columns of the records, row for row.
    """

    def __init__(self, items: Sequence[Any], columns: ObjectColumns) -> None:
        super().__init__(items)
        self.columns = columns

    def take(self, rows: NDArray[np.int64]) -> ObjectTable:
        """Returns these rows, in this order."""
        items = self.items
        return ObjectTable([items[row] for row in rows.tolist()], self.columns.take(rows))

    def with_rows(self, rows: NDArray[np.int64], records: Iterable[Mapping[str, Any]]) -> ObjectTable:
        """Returns the same table with other records in place of `rows`."""
        changed, items = list(records), list(self.items)
        for row, record in zip(rows.tolist(), changed, strict=True):
            items[row] = record
        return ObjectTable(items, self.columns.with_rows(rows, ObjectColumns.of(changed)))


def _parsed(item: Any) -> Any:
    if not isinstance(item, msgspec.Raw):
        return item
    return json.loads(bytes(item).decode("utf-8", "surrogatepass"))  # of bytes it would guess the encoding each time
