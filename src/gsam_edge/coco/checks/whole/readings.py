"""The conventions in which a whole COCO file may have been written, the evidence for each, and how to read it so.

The evidence has to be beyond doubt, because a finding ends the run: nearly every annotation has to fit the other
reading, and many have to contradict their own. A dataset that is merely untidy does neither.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.checks.whole.evidence import (
    FEWEST,
    agrees,
    areas_say,
    as_they_stand,
    fits_image,
    leaving,
    masks_say,
    nearly_all,
    overlap,
    spread,
)
from gsam_edge.coco.checks.whole.sample import Sample, box_of
from gsam_edge.coco.checks.whole.scales import (
    DECIMALS,
    HUNDRED,
    ONE,
    are_boxes_percentages,
    are_outlines_percentages,
    are_shares,
    scaled_to,
)

#: Different boxes before positions alone are believed, for corners and for centres; areas and masks say more.
_FEWEST_CORNERS, _FEWEST_CENTRES = 8, 20
#: Boxes at either border that tell by where they begin and end.
_FEWEST_AT_BORDERS = 3

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


def _as_centres(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], axis=1)


def _as_mirrored(box: NDArray[np.float64], wh: NDArray[np.float64]) -> NDArray[np.float64]:
    height = wh[:, 1]
    x1, y1, x2, y2 = as_they_stand(box).T
    return np.stack([x1, height - y2, x2, height - y1], axis=1)


def _are_corners(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    rows = sample.has_box
    seen = sample.take(rows)
    read, stands = seen.box, as_they_stand(seen.box)
    fits = fits_image(read, seen.wh, 2)
    if len(fits) < FEWEST or not nearly_all(fits):
        return None
    beyond = (stands[:, 2:] > seen.wh + np.maximum(2, 0.05 * seen.wh)).any(axis=1)
    says = masks_say(seen, read)
    by_area = areas_say(seen, seen.box[:, 2:] - seen.box[:, :2])
    far = len(fits) >= _FEWEST_CORNERS and beyond.sum() >= max(FEWEST, 0.2 * len(fits))
    if says is False or not (says or by_area or far):
        return None
    reasons = leaving(stands, seen.wh)
    reasons += ["their declared area is that between the corners"] if by_area else []
    reasons += ["their masks lie between the corners"] if says else []
    return spread(rows, fits), ", ".join(reasons)


def _are_centres(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    rows = sample.has_box
    seen = sample.take(rows)
    read, stands = _as_centres(seen.box), as_they_stand(seen.box)
    fits = fits_image(read, seen.wh, 1)
    if not nearly_all(fits):
        return None
    # As centres a box leaves to the right or below by up to half its side, and never to the left or above.
    beyond = (stands[:, 2:] > seen.wh + np.maximum(2, 0.1 * seen.box[:, 2:])).any(axis=1)
    says = masks_say(seen, read)
    far = len(fits) >= _FEWEST_CENTRES and beyond.sum() >= max(FEWEST, 0.1 * len(fits))
    if says is False or not (says or far):
        return None
    reasons = leaving(stands, seen.wh) + (["their masks lie around these centres"] if says else [])
    return spread(rows, fits), ", ".join(reasons)


def _are_mirrored(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    rows = sample.has_box
    seen = sample.take(rows)
    read = _as_mirrored(seen.box, seen.wh)
    if not masks_say(seen, read):
        return None
    apart = overlap(as_they_stand(seen.box), seen.mask) < 0.5
    return spread(rows, seen.has_mask & agrees(read, seen.mask)), f"{int(apart.sum())} miss their masks as they stand"


def _count_from_one(sample: Sample, *, to_last: bool) -> tuple[NDArray[np.bool_], str] | None:
    """Returns the boxes that count pixels from 1.

    Args:
        sample: the annotations.
        to_last: whether width and height are differences between the numbers of the first and the last pixel, so that
            both miss one; else they are numbers of pixels.
    """
    rows = sample.has_box
    seen = sample.take(rows)
    if not nearly_all(np.all(seen.box[:, :2] >= 1, axis=1)):
        return None
    masked = seen.has_mask
    if masked.sum() >= FEWEST and masked.mean() >= 0.5:
        expected = [1, 1, 0, 0] if to_last else [1, 1, 1, 1]
        off = np.abs(as_they_stand(seen.box) - seen.mask - expected)
        fits = masked & (off <= 0.05).all(axis=1)
        if not nearly_all(fits[masked]):
            return None
        return spread(rows, fits), "their masks begin one pixel before them"
    return None if to_last else _reach_past_the_last(rows, seen)


def _reach_past_the_last(rows: NDArray[np.bool_], seen: Sample) -> tuple[NDArray[np.bool_], str] | None:
    """Without masks only boxes at the borders tell: they begin at 1, none at 0, and end one pixel past the last."""
    box, past = seen.box, as_they_stand(seen.box)[:, 2:] - seen.wh
    is_whole = (box == np.round(box)).all(axis=1)
    first, last = (box[:, :2] == 1).any(axis=1), (past == 1).any(axis=1)
    is_sure = (
        len(box) >= _FEWEST_CENTRES
        and nearly_all(is_whole)
        and (box[:, :2] >= 1).all()
        and (past <= 1).all()
        and min(first.sum(), last.sum()) >= _FEWEST_AT_BORDERS
    )
    if not is_sure:
        return None
    told = f"{int(first.sum())} begin at 1, none at 0, and {int(last.sum())} end one pixel past the image"
    return spread(rows, is_whole), told


def _boxed(change: Callable[[list[Any], Mapping[str, Any]], Sequence[float]]) -> Callable[..., Changes]:
    """Returns a `Reading.change` that reads boxes otherwise, from the numbers as they stand in the file."""

    def changed(record: Mapping[str, Any], image: Mapping[str, Any]) -> Changes:
        box = box_of(record)
        return {} if box is None else {"bbox": [round(value, DECIMALS) for value in change(box, image)]}

    return changed


_OF_IMAGE = "of the image's width and height"
_FROM_ONE = "boxes that count pixels from 1"

#: In the order in which they are looked for; each is looked for in what the earlier ones made of the file.
READINGS: Sequence[Reading] = (
    Reading(
        "coordinates_as_shares", f"shares (0 to 1) {_OF_IMAGE}", are_shares,
        scaled_to(ONE, "bbox", "segmentation", "area"),
    ),
    Reading(
        "coordinates_as_shares", f"boxes in percentages (0 to 100) {_OF_IMAGE}", are_boxes_percentages,
        scaled_to(HUNDRED, "bbox"),
    ),
    Reading(
        "coordinates_as_shares", f"outlines in percentages (0 to 100) {_OF_IMAGE}", are_outlines_percentages,
        scaled_to(HUNDRED, "segmentation"),
    ),
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
