"""References of annotations to images and categories that all miss by one."""

from collections.abc import Collection, Mapping

from gsam_edge.coco.geometry.shapes import brief

#: Records of a list before anything is said of it: two images of which one has no annotations show nothing.
_FEWEST = {"image_id": 5, "category_id": 2}
#: The share of the records that have to be referred to once they are counted anew.
_NEARLY_ALL = 0.95


def shift(key: str, used: Collection[int], unknown: Collection[int | str | None], listed: Collection[int]) -> int:
    """Returns what each reference is too large by, 1 or -1; 0 where they do not miss by one.

    The sign is that annotations refer to exactly one number that no record has, the one before the first or after the
    last, while the record at the other end has none, and nearly all others have some.

    Args:
        key: `image_id` or `category_id`.
        used: the numbers of records that annotations refer to.
        unknown: what else they refer to.
        listed: the numbers of all records.
    """
    if len(unknown) != 1 or len(listed) < _FEWEST[key]:
        return 0
    (beyond,), first, last = unknown, min(listed), max(listed)
    if last - first + 1 != len(listed) or beyond not in (first - 1, last + 1):
        return 0
    step, bare = (1, first) if beyond == last + 1 else (-1, last)
    return 0 if bare in used or len(used) + 1 < _NEARLY_ALL * len(listed) else step


def told(key: str, annotation_id: object, there: int, names: Mapping[int, str], step: int) -> str:
    """Returns what shows a shift, for messages.

    Args:
        key: `image_id` or `category_id`.
        annotation_id: an annotation, as an example.
        there: the number that it refers to.
        names: what each record is called, by its number.
        step: what each reference is too large by.
    """
    first, last = min(names), max(names)
    bare, beyond = (first, last + step) if step > 0 else (last, first + step)
    return (
        f"the numbers listed go from {first} to {last}, those under {key} from {first + step} to {last + step}: no "
        f"annotation refers to {bare}, and there is no {beyond}. One side seems to count from 0, the other from 1, so "
        f"that each object is of the one beside its own: annotation {annotation_id} is of {key} {there} "
        f"({brief(names[there])}), where {there - step} ({brief(names[there - step])}) may be meant. "
        f"{'Take one from' if step > 0 else 'Add one to'} each {key} if it is so"
    )
