"""Looks at the annotations of a COCO file as a whole and reads them as they were meant, where a policy says so."""

import json
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from gsam_edge.coco.checks.findings import Ledger
from gsam_edge.coco.checks.images import ImageCheck
from gsam_edge.coco.checks.whole.readings import READINGS, Reading
from gsam_edge.coco.checks.whole.sample import Sample, image_of
from gsam_edge.coco.checks.whole.turns import turned
from gsam_edge.coco.table.records import JsonRecords

_Images: TypeAlias = Mapping[int, Mapping[str, Any]]
_Change: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


def read_as_meant(raw: Sequence[Any], images: ImageCheck, ledger: Ledger) -> tuple[Sequence[Any], frozenset[int]]:
    """Finds whether the annotations were all written in another convention (see `readings`).

    Args:
        raw: the list that a COCO file holds under `annotations`; never changed.
        images: the sound images.
        ledger: records what is found.

    Returns:
        The list, of the same form, with every record as it was meant where the policy is `fix`, and the rows of the
        records that this changed.

    Raises:
        InvalidDatasetError: if the file was written in another convention and the policy is `error`.
    """
    by_id = ChainMap(
        images.records, {old: images.records[new] for old, new in images.moved.items() if new in images.records}
    )
    changed: set[int] = set()
    if images.sizes.turns:
        raw, rows = _changed(
            raw, by_id, lambda record, image: turned(record, image, images.sizes.turns.get(image["id"]))
        )
        changed |= rows
    sample = Sample.of(raw, by_id)
    for reading in READINGS:
        told = _told(reading, sample)
        if told is None:
            continue
        advice = f"--params=validation.policies.{reading.code}=fix reads the file so, =keep takes it as it stands"
        policy = ledger.policy(reading.code, "annotations", told, advice=advice)
        read, rows = _changed(raw, by_id, reading.change)
        ledger.enter(reading.code, policy, {"where": "annotations", "detail": told}, count=len(rows))
        if policy == "fix":
            raw, sample = read, Sample.of(read, by_id)
            changed |= rows
    return raw, frozenset(changed)


def _told(reading: Reading, sample: Sample) -> str | None:
    """Returns what shows that a file was written so, with an example; None where nothing does."""
    found = reading.evidence(sample)
    if found is None:
        return None
    fits, why = found
    example = sample.told(int(fits.argmax()))
    return (
        f"{int(fits.sum())} of {len(fits)} different objects that were looked at have {reading.form}: {why}; for "
        f"example, {example}"
    )


def _changed(raw: Sequence[Any], images: _Images, change: _Change) -> tuple[Sequence[Any], set[int]]:
    """Returns the records with the changes, and the rows that have some."""
    items: list[Any] = list(raw.items) if isinstance(raw, JsonRecords) else list(raw)
    rows = set()
    for row, record in enumerate(raw):
        image = image_of(record, images)
        changes = change(record, image) if image is not None else {}
        if changes:
            rows.add(row)
            new = {**record, **changes}
            items[row] = msgspec.Raw(json.dumps(new).encode()) if isinstance(raw, JsonRecords) else new
    return JsonRecords(items) if isinstance(raw, JsonRecords) else items, rows
