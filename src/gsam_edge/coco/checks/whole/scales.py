"""Coordinates as shares or percentages of their image, in a whole COCO file: the evidence, and how to read them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.checks.values import read_text
from gsam_edge.coco.checks.whole.evidence import (
    FEWEST,
    agrees,
    areas_say,
    as_they_stand,
    masks_say,
    nearly_all,
    overlap,
    spread,
)
from gsam_edge.coco.checks.whole.sample import Sample, box_of, extent, polygons_of
from gsam_edge.coco.geometry.shapes import finite_area

#: Different boxes below one pixel before they count as shares: a single one may be a slip.
_FEWEST_SHARES = 3
#: Different shapes, of which some reach the last tenth, before positions alone show percentages.
_FEWEST_PERCENTAGES, _FEWEST_FAR = 20, 3
#: Images with shorter sides (pixels) have too little room beside 0..1, or beside 0..100.
_SMALLEST_OF_SHARES, _SMALLEST_OF_PERCENTAGES = 8, 300
#: Numbers may pass the limits of their scale by this share of it, by rounding.
_ROUNDED = 0.01
#: Decimals of converted numbers: what a multiplication adds behind them is noise.
DECIMALS = 6
#: The other end of a scale of shares, and of one of percentages.
ONE, HUNDRED = 1.0, 100.0


def are_shares(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    """Returns which annotations lie within the first pixel, bool [N], and the words for it, where nearly all do."""
    is_large: NDArray[np.bool_] = np.all(sample.wh >= _SMALLEST_OF_SHARES, axis=1)
    boxes, outlines = sample.has_box & is_large, sample.is_outlined & is_large
    found, reasons = np.zeros(len(is_large), np.bool_), []
    for name, rows, numbers in (("boxes", boxes, sample.box), ("outlines", outlines, sample.mask)):
        fits = _is_within(numbers, ONE)
        # Ones and zeros alone are boxes of one pixel, or stand for nothing.
        telling = rows & fits & (numbers != np.round(numbers)).any(axis=1)
        if nearly_all(fits[rows]) and telling.sum() >= _FEWEST_SHARES:
            found |= rows & fits
            reasons.append(f"{int((rows & fits).sum())} of {int(rows.sum())} {name} lie within the first pixel")
    return (found, ", ".join(reasons)) if reasons else None


def are_boxes_percentages(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    """Returns which boxes are percentages, bool [N], and what shows it: masks, areas, or where all lie."""
    rows = sample.has_box
    seen = sample.take(rows)
    fits = _is_within(seen.box, HUNDRED)
    if not nearly_all(fits):
        return None
    scaled = seen.box * np.tile(seen.wh / HUNDRED, 2)
    for read in (as_they_stand(scaled), scaled):
        if masks_say(seen, read):
            return spread(rows, fits), "their masks lie where these are percentages"
        if areas_say(seen, read[:, 2:] - read[:, :2]):
            return spread(rows, fits), "their declared areas are those of percentages"
    if _fill_a_hundred(as_they_stand(seen.box), seen.wh):
        return spread(rows, fits), "all lie within the first 100 pixels, up to the last of them"
    return None


def are_outlines_percentages(sample: Sample) -> tuple[NDArray[np.bool_], str] | None:
    """Returns which outlines are percentages, bool [N], and what shows it: their boxes, or where all lie."""
    rows = sample.is_outlined
    seen = sample.take(rows)
    fits = _is_within(seen.mask, HUNDRED)
    if not nearly_all(fits):
        return None
    stands, scaled = as_they_stand(seen.box), seen.mask * np.tile(seen.wh / HUNDRED, 2)
    contradicts = ~agrees(stands, seen.mask) & (overlap(stands, seen.mask) < 0.5)
    if nearly_all(agrees(stands, scaled)) and contradicts.sum() >= max(FEWEST, 0.1 * len(fits)):
        return spread(rows, fits), "their boxes lie where these are percentages"
    if _fill_a_hundred(seen.mask, seen.wh):
        return spread(rows, fits), "all lie within the first 100 pixels, up to the last of them"
    return None


def _fill_a_hundred(xyxy: NDArray[np.float64], wh: NDArray[np.float64]) -> bool:
    """Whether corners [N, 4] use 0..100 to its end and nothing beyond, on images that are much larger."""
    is_small = (wh < _SMALLEST_OF_PERCENTAGES).any()
    if is_small or len(xyxy) < _FEWEST_PERCENTAGES or not _is_within(xyxy, HUNDRED).all():
        return False
    is_far = (xyxy[:, 2:] >= 0.9 * HUNDRED).sum(axis=0) >= _FEWEST_FAR
    is_fraction = (xyxy != np.round(xyxy)).any(axis=1)
    return bool(is_far.all() and is_fraction.mean() >= 0.5)


def _is_within(numbers: NDArray[np.float64], end: float) -> NDArray[np.bool_]:
    return np.all((numbers >= -_ROUNDED * end) & (numbers <= (1 + _ROUNDED) * end), axis=1)


def scaled_to(end: float, *keys: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]:
    """Returns a `Reading.change` that reads the numbers of a scale from 0 to `end` as pixels.

    Args:
        end: `ONE` or `HUNDRED`.
        keys: `bbox`, `segmentation`, `area`: what is read so.
    """

    def changed(record: Mapping[str, Any], image: Mapping[str, Any]) -> Mapping[str, Any]:
        size, changes = (image["width"] / end, image["height"] / end), dict[str, Any]()
        box, polygons = box_of(record), polygons_of(record)
        if "bbox" in keys and box is not None and _is_of_scale(box, end):
            changes["bbox"] = _scaled(box, size)
        if "segmentation" in keys and polygons is not None and _is_of_scale(extent(polygons), end):
            changes["segmentation"] = [_scaled(polygon, size) for polygon in polygons]
        area = finite_area(read_text(record.get("area")))
        if "area" in keys and changes and area is not None and area <= end**2:
            changes["area"] = round(area * size[0] * size[1], DECIMALS)
        return changes

    return changed


def _is_of_scale(numbers: Sequence[float], end: float) -> bool:
    return min(numbers) >= -_ROUNDED * end and max(numbers) <= (1 + _ROUNDED) * end


def _scaled(numbers: Sequence[float], size: tuple[float, float]) -> list[float]:
    """Returns x and y in turn, times a size."""
    return [round(value * size[place % 2], DECIMALS) for place, value in enumerate(numbers)]
