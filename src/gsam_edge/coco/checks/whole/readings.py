"""The conventions in which a whole COCO file may have been written, the evidence for each, and how to read it so.

The evidence has to be beyond doubt, because a finding ends the run: nearly every annotation has to fit the other
reading, and many have to contradict their own. A dataset that is merely untidy does neither.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.checks.values import read_text
from gsam_edge.coco.checks.whole.sample import Sample, box_of, extent, polygons_of
from gsam_edge.coco.geometry.shapes import ROUNDING, finite_area

#: The share of the annotations that has to fit: one in twenty may be faulty besides.
_NEARLY_ALL = 0.95
#: Different shapes that contradict what they are taken for before anything is said of the file.
_FEWEST = 5
#: Different boxes before positions alone are believed, for corners and for centres; areas and masks say more.
_FEWEST_CORNERS, _FEWEST_CENTRES = 8, 20
#: Different boxes below one pixel before they count as shares: a single one may be a slip.
_FEWEST_SHARES = 3
#: Numbers in 0..1 may pass these limits by rounding.
_ROUNDED = 0.01
#: Decimals of converted numbers: what a subtraction adds behind them is noise.
_DECIMALS = 6

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """One other convention.

    Attributes:
        code: its name in `CHECKS`.
        form: what objects have that were written so, for messages.
        evidence: returns which annotations of a sample fit it, bool [N], where the file was surely written so, and
            a text that says what shows it; else None.
        change: returns the values of a record that are read otherwise, given its image record; empty where none is.
    """

    code: str
    form: str
    evidence: Callable[[Sample], tuple[NDArray[np.bool_], str] | None]
    change: Callable[[Mapping[str, Any], Mapping[str, Any]], Changes]


def _nearly_all(flags: NDArray[np.bool_]) -> bool:
    return bool(len(flags) and flags.mean() >= _NEARLY_ALL)


def _as_they_stand(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the corners [N, 4] of boxes (left, top, width, height)."""
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1)


def _as_centres(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], axis=1)


def _as_mirrored(box: NDArray[np.float64], wh: NDArray[np.float64]) -> NDArray[np.float64]:
    height = wh[:, 1]
    x1, y1, x2, y2 = _as_they_stand(box).T
    return np.stack([x1, height - y2, x2, height - y1], axis=1)


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns intersection over union of corners [N, 4] in pairs, [N]; 0 where one has no size."""
    shared = np.prod(np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None), axis=1)
    both = sum(np.prod(np.clip(box[:, 2:] - box[:, :2], 0, None), axis=1) for box in (a, b))
    return shared / np.maximum(both - shared, np.finfo(np.float64).tiny)


def _agrees(xyxy: NDArray[np.float64], mask: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether boxes are those of their masks, within two pixels or a tenth of the mask's side, bool [N]."""
    side = np.tile(mask[:, 2:] - mask[:, :2], 2)
    return np.all(np.abs(xyxy - mask) <= np.maximum(2, 0.1 * side), axis=1)


def _masks_say(seen: Sample, read: NDArray[np.float64]) -> bool | None:
    """Whether masks show that boxes mean the corners `read` [N, 4]; None where too few have one, or it fits neither."""
    rows = seen.has_mask
    if rows.sum() < _FEWEST or rows.mean() < 0.5:
        return None
    stands, mask = _as_they_stand(seen.box[rows]), seen.mask[rows]
    agrees = _agrees(stands, mask)
    # A box of a few pixels agrees with its mask in any reading, although they overlap little.
    contradicts = ~agrees & (_overlap(stands, mask) < 0.5)
    if _nearly_all(_agrees(read[rows], mask)) and contradicts.sum() >= max(_FEWEST, 0.1 * len(mask)):
        return True
    return False if agrees.mean() >= 0.5 else None


def _fits(xyxy: NDArray[np.float64], wh: NDArray[np.float64], allowed: float) -> NDArray[np.bool_]:
    """Whether corners are in order and within their image, `allowed` pixels aside, bool [N]."""
    low, high = xyxy[:, :2], xyxy[:, 2:]
    return np.all((high > low) & (low >= -allowed) & (high <= wh + allowed), axis=1)


def _are_corners(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    rows = sample.has_box
    seen = sample.take(rows)
    read, stands = seen.box, _as_they_stand(seen.box)
    fits = _fits(read, seen.wh, 2)
    if len(fits) < _FEWEST or not _nearly_all(fits):
        return None
    beyond = (stands[:, 2:] > seen.wh + np.maximum(2, 0.05 * seen.wh)).any(axis=1)
    says = _masks_say(seen, read)
    by_area = _areas_say(seen)
    far = len(fits) >= _FEWEST_CORNERS and beyond.sum() >= max(_FEWEST, 0.2 * len(fits))
    if says is False or not (says or by_area or far):
        return None
    reasons = _leaving(stands, seen.wh)
    reasons += ["their declared area is that between the corners"] if by_area else []
    reasons += ["their masks lie between the corners"] if says else []
    return _spread(rows, fits), ", ".join(reasons)


def _leaving(stands: NDArray[np.float64], wh: NDArray[np.float64]) -> list[str]:
    count = int((stands[:, 2:] > wh + ROUNDING).any(axis=1).sum())
    return [f"read as left, top, width and height, {count} leave their image"] if count else []


def _areas_say(seen: Sample) -> bool:
    """Whether declared areas, where there is no mask that they may be the area of, are those of boxes as corners."""
    rows = ~np.isnan(seen.area) & ~seen.has_mask
    if rows.sum() < _FEWEST:
        return False
    box, area = seen.box[rows], seen.area[rows]
    between = box[:, 2:] - box[:, :2]
    # Some count both corners' pixels.
    fits = _is_close(area, between.prod(axis=1)) | _is_close(area, (between + 1).prod(axis=1))
    contradicts = ~_is_close(area, box[:, 2:].prod(axis=1))
    return _nearly_all(fits) and bool(contradicts.sum() >= _FEWEST and contradicts.mean() >= 0.5)


def _is_close(area: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(area - expected) <= np.maximum(1.0, 0.05 * expected)


def _are_centres(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    rows = sample.has_box
    seen = sample.take(rows)
    read, stands = _as_centres(seen.box), _as_they_stand(seen.box)
    fits = _fits(read, seen.wh, 1)
    if not _nearly_all(fits):
        return None
    # As centres a box leaves to the right or below by up to half its side, and never to the left or above.
    beyond = (stands[:, 2:] > seen.wh + np.maximum(2, 0.1 * seen.box[:, 2:])).any(axis=1)
    says = _masks_say(seen, read)
    far = len(fits) >= _FEWEST_CENTRES and beyond.sum() >= max(_FEWEST, 0.1 * len(fits))
    if says is False or not (says or far):
        return None
    reasons = _leaving(stands, seen.wh) + (["their masks lie around these centres"] if says else [])
    return _spread(rows, fits), ", ".join(reasons)


def _are_mirrored(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    rows = sample.has_box
    seen = sample.take(rows)
    read = _as_mirrored(seen.box, seen.wh)
    if not _masks_say(seen, read):
        return None
    apart = _overlap(_as_they_stand(seen.box), seen.mask) < 0.5
    return _spread(rows, seen.has_mask & _agrees(read, seen.mask)), f"{int(apart.sum())} miss their masks as they stand"


def _count_from_one(sample: Sample, *, to_last: bool) -> tuple[NDArray[np.bool_], str] | None:
    """Returns the boxes that count pixels from 1.

    Args:
        sample: the annotations.
        to_last: whether width and height are differences between the numbers of the first and the last pixel, so that
            both miss one; else they are numbers of pixels.
    """
    rows = sample.has_box
    seen = sample.take(rows)
    if not _nearly_all(np.all(seen.box[:, :2] >= 1, axis=1)):
        return None
    masked = seen.has_mask
    if masked.sum() >= _FEWEST and masked.mean() >= 0.5:
        expected = [1, 1, 0, 0] if to_last else [1, 1, 1, 1]
        off = np.abs(_as_they_stand(seen.box) - seen.mask - expected)
        fits = masked & (off <= 0.05).all(axis=1)
        if not _nearly_all(fits[masked]):
            return None
        return _spread(rows, fits), "their masks begin one pixel before them"
    return None if to_last else _reach_past_the_last(rows, seen)


def _reach_past_the_last(rows: NDArray[np.bool_], seen: Sample) -> tuple[NDArray[np.bool_], str] | None:
    """Without masks only boxes at the borders tell: they begin at 1, none at 0, and end one pixel past the last."""
    box, past = seen.box, _as_they_stand(seen.box)[:, 2:] - seen.wh
    is_whole = (box == np.round(box)).all(axis=1)
    first, last = (box[:, :2] == 1).any(axis=1), (past == 1).any(axis=1)
    is_sure = (
        len(box) >= _FEWEST_CENTRES
        and _nearly_all(is_whole)
        and (box[:, :2] >= 1).all()
        and (past <= 1).all()
        and min(first.sum(), last.sum()) >= _FEWEST_SHARES
    )
    if not is_sure:
        return None
    told = f"{int(first.sum())} begin at 1, none at 0, and {int(last.sum())} end one pixel past the image"
    return _spread(rows, is_whole), told


def _are_shares(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    is_large: NDArray[np.bool_] = np.all(sample.wh >= 8, axis=1)
    boxes, outlines = sample.has_box & is_large, sample.is_outlined & is_large
    found, reasons = np.zeros(len(is_large), np.bool_), []
    for name, rows, numbers in (("boxes", boxes, sample.box), ("outlines", outlines, sample.mask)):
        fits = _in_0_to_1(numbers)
        # Ones and zeros alone are boxes of one pixel, or stand for nothing.
        telling = rows & fits & (numbers != np.round(numbers)).any(axis=1)
        if _nearly_all(fits[rows]) and telling.sum() >= _FEWEST_SHARES:
            found |= rows & fits
            reasons.append(f"{int((rows & fits).sum())} of {int(rows.sum())} {name} lie within the first pixel")
    return (found, ", ".join(reasons)) if reasons else None


def _in_0_to_1(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.all((numbers >= -_ROUNDED) & (numbers <= 1 + _ROUNDED), axis=1)


def _spread(rows: NDArray[np.bool_], flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns flags of the chosen rows as flags of all."""
    spread = np.zeros(len(rows), np.bool_)
    spread[rows] = flags
    return spread


def _boxed(change: Callable[[list[Any], Mapping[str, Any]], Sequence[float]]) -> Callable[..., Changes]:
    """Returns a `Reading.change` that reads boxes otherwise, from the numbers as they stand in the file."""

    def changed(record: Mapping[str, Any], image: Mapping[str, Any]) -> Changes:
        box = box_of(record)
        return {} if box is None else {"bbox": [round(value, _DECIMALS) for value in change(box, image)]}

    return changed


def _from_shares(record: Mapping[str, Any], image: Mapping[str, Any]) -> Changes:
    width, height = image["width"], image["height"]
    changes: dict[str, Any] = {}
    box, polygons = box_of(record), polygons_of(record)
    if box is not None and _is_share(box):
        changes["bbox"] = _scaled(box, width, height)
    if polygons is not None and _is_share(extent(polygons)):
        changes["segmentation"] = [_scaled(polygon, width, height) for polygon in polygons]
    area = finite_area(read_text(record.get("area")))
    if changes and area is not None and area <= 1:
        changes["area"] = round(area * width * height, _DECIMALS)
    return changes


def _is_share(numbers: Sequence[float]) -> bool:
    return min(numbers) >= -_ROUNDED and max(numbers) <= 1 + _ROUNDED


def _scaled(numbers: Sequence[float], width: int, height: int) -> list[float]:
    """Returns x and y in turn, as shares, in pixels."""
    return [round(value * (height if place % 2 else width), _DECIMALS) for place, value in enumerate(numbers)]


_FROM_ONE = "boxes that count pixels from 1"

#: In the order in which they are looked for; each is looked for in what the earlier ones made of the file.
READINGS: Sequence[Reading] = (
    Reading("coordinates_as_shares", "shares (0 to 1) of the image's width and height", _are_shares, _from_shares),
    Reading(
        "boxes_as_corners", "boxes that look like corners (left, top, right, bottom)", _are_corners,
        _boxed(lambda box, image: [*box[:2], box[2] - box[0], box[3] - box[1]]),
    ),
    Reading(
        "boxes_as_centres", "boxes that look like centre x, centre y, width and height", _are_centres,
        _boxed(lambda box, image: [box[0] - box[2] / 2, box[1] - box[3] / 2, *box[2:]]),
    ),
    Reading(
        "boxes_mirrored", "boxes whose y looks counted from the image's bottom, unlike their masks'", _are_mirrored,
        _boxed(lambda box, image: [box[0], image["height"] - box[1] - box[3], *box[2:]]),
    ),
    Reading(
        "boxes_from_one", _FROM_ONE, lambda sample: _count_from_one(sample, to_last=False),
        _boxed(lambda box, image: [box[0] - 1, box[1] - 1, *box[2:]]),
    ),
    Reading(
        "boxes_from_one", _FROM_ONE, lambda sample: _count_from_one(sample, to_last=True),
        _boxed(lambda box, image: [box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1]),
    ),
)  # fmt: skip
