"""Finds whether many of a file's annotations are crowds, and makes them objects where the policy says so."""

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.findings import Ledger

#: Crowds that are no pattern yet, whatever their share: in a small file one is soon a tenth. Nothing but crowds is.
_FEWEST = 3


def crowds_as_objects(
    annotations: Annotations, largest_share: float, ledger: Ledger
) -> tuple[Annotations, NDArray[np.int64]]:
    """Reports the crowds where they are many.

    Args:
        annotations: sound annotations.
        largest_share: share of the annotations, 0..1, from which on they are many.
        ledger: records what is found.

    Returns:
        The annotations, with `iscrowd` 0 for all where the policy is `fix`, and the rows that this changed, int64 [N].

    Raises:
        InvalidDatasetError: if crowds are many and the policy is `error`.
    """
    crowds, total = np.flatnonzero(annotations.columns.is_crowd), len(annotations.columns)
    none = crowds[:0]
    are_many = len(crowds) >= max(_FEWEST, largest_share * total) or len(crowds) == total
    if not are_many:
        return annotations, none
    first = annotations.objects[int(crowds[0])]
    file_name = annotations.image_by_id[first["image_id"]]["file_name"]
    detail = f"{len(crowds)} of {total} annotations are crowds; the first is annotation {first['id']} of {file_name!r}"
    policy = ledger.policy("many_crowds", "annotations", detail)
    example = {"where": "annotations", "id": first["id"], "file_name": file_name, "detail": detail}
    ledger.enter("many_crowds", policy, example, count=len(crowds))
    if policy != "fix":
        return annotations, none
    objects = [{**annotations.objects[row], "iscrowd": 0} for row in crowds.tolist()]
    return annotations.with_objects(crowds, objects), crowds
