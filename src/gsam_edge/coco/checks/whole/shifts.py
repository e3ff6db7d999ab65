"""Finds whether all references to images or categories miss by one: one side counts from 0, the other from 1."""

from collections.abc import Collection, Mapping

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.findings import Ledger
from gsam_edge.coco.table.references import shift, told


def look_at_references(
    found: Annotations,
    unknown: Mapping[str, Collection[int | None]],
    listed: Mapping[str, Mapping[int, str]],
    ledger: Ledger,
) -> None:
    """Reports references that all miss by one: each object is of the record beside its own.

    For the sign of it see `shift`.

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
        step = shift(key, used, unknown[key], listed[key].keys())
        if not step:
            continue
        first = found.objects[0]
        detail = told(key, first["id"], first[key], listed[key], step)
        policy = ledger.policy(code, "annotations", detail)
        ledger.enter(code, policy, {"where": where, "detail": detail}, count=len(found.objects))
