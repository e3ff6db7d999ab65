"""Checks the annotations of a COCO file: all at once by columns, then one by one those that may have a fault."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.checks.findings import Outcome
from gsam_edge.coco.checks.one_object import Draft, ObjectCheck
from gsam_edge.coco.checks.screen import sound_rows
from gsam_edge.coco.geometry.shapes import whole_number
from gsam_edge.coco.table.columns import ObjectColumns
from gsam_edge.coco.table.fields import ObjectFields
from gsam_edge.coco.table.records import JsonRecords, ObjectTable

#: Odd numbers below 2^63 that mix columns into one hash, with overflow.
_ODD = np.array([0x1E3779B97F4A7C15, 0x42B2AE3D27D4EB4F, 0x65667B19E3779F9B], np.int64)


def check_objects(raw: Sequence[Any], check: ObjectCheck) -> tuple[Sequence[Mapping[str, Any]], list[Outcome]]:
    """Checks the list that a COCO file holds under `annotations`.

    Records that are still JSON text are screened all at once (see `screen`), and only those that may have a fault are
    checked singly. Records that were parsed already are all checked one by one. Both ways give the same result.

    Args:
        raw: the list.
        check: checks single annotations.

    Returns:
        The sound annotations, in the file's order: an `ObjectTable` where they were text, else a tuple; and what became
        of each annotation of the file.

    Raises:
        InvalidDatasetError: if a fault has the policy `error`.
    """
    if isinstance(raw, JsonRecords) and len(raw):
        return _screened(raw, check)
    check.new_id = 1 + max(map(_id_of, raw), default=0)
    drafts = {row: draft for row, record in enumerate(raw) if (draft := check.examine(row, record)) is not None}
    outcomes: list[Outcome] = ["dropped"] * len(raw)
    return tuple(_compare(drafts, check, outcomes).values()), outcomes


def _screened(raw: JsonRecords, check: ObjectCheck) -> tuple[ObjectTable, list[Outcome]]:
    fields = ObjectFields.read(raw.items)
    is_sound = sound_rows(fields, check.images.records, check.categories.records, area_tolerance=check.area_tolerance)
    for column, known in ((fields.image_id, check.images.ids), (fields.category_id, check.categories.ids)):
        if known.given:  # a number that stands for a word is no reference
            is_sound &= ~np.isin(column, list(known.given))
    ids, marks = fields.id.copy(), np.column_stack([fields.xywh, fields.first, fields.corners])
    drafts: dict[int, Draft] = {}
    outcomes: list[Outcome] = ["kept"] * len(raw)
    for row in np.flatnonzero(~is_sound).tolist():
        record = raw[row]
        ids[row] = _id_of(record)
        draft = check.examine(row, record)
        if draft is None:
            outcomes[row] = "dropped"
        elif fields.is_regular[row] and not draft.case.faults:
            # Not kept, and checked again if needed: else a file of unusual but sound shapes would fill the memory.
            is_sound[row], marks[row] = True, _mark(draft.new)
        else:
            drafts[row], marks[row] = draft, _mark(draft.new)
    check.new_id = 1 + max(int(ids.max()), 0)
    doubtful = _alike(fields, drafts, marks, is_sound) | _repeated(ids)
    for row in np.flatnonzero(doubtful & is_sound).tolist():
        draft = check.examine(row, raw[row])
        if draft is None:
            raise RuntimeError(f"expected annotations[{row}] to be sound, as it was at its first check")
        drafts[row] = draft
    records = _compare(dict(sorted(drafts.items())), check, outcomes)
    return _table(raw, fields, records, outcomes), outcomes


def _compare(drafts: Mapping[int, Draft], check: ObjectCheck, outcomes: list[Outcome]) -> dict[int, Mapping[str, Any]]:
    """Returns the sound records by row and sets the outcome of each draft."""
    records: dict[int, Mapping[str, Any]] = {}
    for row, draft in drafts.items():
        record = check.compare(draft)
        outcomes[row] = draft.case.outcome
        if record is not None:
            records[row] = record
    return records


def _table(
    raw: JsonRecords, fields: ObjectFields, records: Mapping[int, Mapping[str, Any]], outcomes: Sequence[Outcome]
) -> ObjectTable:
    """Returns the kept records as a table, with fixed records in place of the file's."""
    items = list(raw.items)
    for row, record in records.items():
        if outcomes[row] == "fixed":
            items[row] = record
    rows = np.fromiter(records, np.int64, len(records))
    columns = fields.columns().with_rows(rows, ObjectColumns.of(records.values()))
    table = ObjectTable(items, columns)
    return (
        table.take(np.flatnonzero([outcome != "dropped" for outcome in outcomes])) if "dropped" in outcomes else table
    )


def _id_of(record: Any) -> int:
    """Returns an annotation's id, 0 where it has none."""
    return (whole_number(record.get("id")) or 0) if isinstance(record, Mapping) else 0


def _mark(new: Mapping[str, Any]) -> tuple[float, ...]:
    """Returns seven numbers that are equal for annotations of equal shapes: `xywh`, `first`, `corners`."""
    xywh = new["bbox"] or (np.nan,) * 4
    shape = new["segmentation"]
    if not shape:
        return (*xywh, 0, 0, 0)
    if not isinstance(shape, Mapping):
        return (*xywh, *shape[0][:2], sum(map(len, shape)) // 2)
    counts = shape["counts"]
    content = zlib.crc32(counts.encode()) if isinstance(counts, str) else sum(counts[1::2])
    return (*xywh, content, 0, len(counts))


def _alike(
    fields: ObjectFields, drafts: Mapping[int, Draft], marks: NDArray[np.float64], is_sound: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether another annotation of the same image and class may have the same shapes, bool [N].

    Example: two annotations of image 7 and class 2 with the box (10, 20, 5, 5) and no outline have the same marks
    (10, 20, 5, 5, 0, 0, 0), so the same sum 10 sqrt(2) + 20 sqrt(3) + 5 sqrt(4) + 5 sqrt(5), so the same number. A
    third with the box (20, 10, 5, 5) has another sum, because each place has a weight of its own.

    Args:
        fields: image and class of the N annotations, as the file has them.
        drafts: what the checks made of some of them, by row.
        marks: float64 [N, 7], see `_mark`.
        is_sound: bool [N], those that need no draft.
    """
    image_id, category_id = fields.image_id.copy(), fields.category_id.copy()
    for row, draft in drafts.items():
        image_id[row], category_id[row] = draft.new["image_id"], draft.new["category_id"]
    # One hash of nine numbers: equal annotations have equal hashes, and hardly any others do.
    shape = np.zeros(len(marks))  # [N]
    for column, weight in zip(np.nan_to_num(marks, nan=-1.0).T, np.sqrt(np.arange(2, 9)), strict=True):
        shape += column * weight
    number = image_id * _ODD[0] + category_id * _ODD[1] + shape.view(np.int64) * _ODD[2]
    alive = is_sound.copy()
    alive[list(drafts)] = True
    alike = np.zeros(len(marks), bool)
    alike[alive] = _repeated(number[alive])
    return alike


def _repeated(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a number occurs more than once, bool [N]."""
    order = np.argsort(numbers)
    is_next_equal = numbers[order[1:]] == numbers[order[:-1]]
    repeated = np.zeros(len(numbers), bool)
    repeated[order[1:][is_next_equal]] = repeated[order[:-1][is_next_equal]] = True
    return repeated
