"""Finds whether all references to images or categories miss by one: one side counts from 0, the other from 1."""

from collections.abc import Collection, Mapping
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.findings import Ledger
from gsam_edge.coco.geometry.shapes import brief

#: Records of a list before anything is said of it: two images of which one has no annotations show nothing.
_FEWEST = {"image_id": 5, "category_id": 2}
#: The share of the records that have to be referred to once they are counted anew.
_NEARLY_ALL = 0.95


def look_at_references(
    found: Annotations,
    unknown: Mapping[str, Collection[int | None]],
    listed: Mapping[str, Mapping[int, str]],
    ledger: Ledger,
) -> None:
    """Reports references that all miss by one: each object is of the record beside its own.

    The sign is that annotations refer to exactly one number that no record has, the one before the first or after the
    last, while the record at the other end has none, and nearly all others have some.

    Args:
        found: the sound annotations, as the file refers.
        unknown: `image_id` and `category_id` to the numbers without a record that annotations refer to.
        listed: the same keys to the numbers of all records of the file, with what each is called.
        ledger: records what is found.

    Raises:
        InvalidDatasetError: if it is so and the policy is `error`.
    """
    for key, code, where in (
        ("image_id", "image_ids_shifted", "images"),
        ("category_id", "category_ids_shifted", "categories"),
    ):
        used = set(getattr(found.columns, key).tolist())
        step = _step(used, unknown[key], listed[key].keys(), _FEWEST[key])
        if not step:
            continue
        told = _told(key, found.objects[0], listed[key], step)
        policy = ledger.policy(code, "annotations", told)
        ledger.enter(code, policy, {"where": where, "detail": told}, count=len(found.objects))


def _step(used: Collection[int], unknown: Collection[int | None], listed: Collection[int], fewest: int) -> int:
    """Returns what each reference is too large by, 1 or -1; 0 where they do not miss by one."""
    if len(unknown) != 1 or len(listed) < fewest:
        return 0
    (beyond,), first, last = unknown, min(listed), max(listed)
    if last - first + 1 != len(listed) or beyond not in (first - 1, last + 1):
        return 0
    step, bare = (1, first) if beyond == last + 1 else (-1, last)
    return 0 if bare in used or len(used) + 1 < _NEARLY_ALL * len(listed) else step


def _told(key: str, record: Mapping[str, Any], names: Mapping[int, str], step: int) -> str:
    first, last, there = min(names), max(names), record[key]
    bare, beyond = (first, last + step) if step > 0 else (last, first + step)
    return (
        f"the numbers listed go from {first} to {last}, those under {key} from {first + step} to {last + step}: no "
        f"annotation refers to {bare}, and there is no {beyond}. One side seems to count from 0, the other from 1, so "
        f"that each object is of the one beside its own: annotation {record['id']} is of {key} {there} "
        f"({brief(names[there])}), where {there - step} ({brief(names[there - step])}) may be meant. "
        f"{'Take one from' if step > 0 else 'Add one to'} each {key} if it is so"
    )
