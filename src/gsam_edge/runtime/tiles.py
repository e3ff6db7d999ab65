"""Finds small objects in large images: tile by tile, so that the network sees them at their own size.

The idea is that of SAHI (Akyon et al. 2022, arXiv:2202.06934); what the tiles find is merged by the suppression that a
student has anyway.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.boxes import box_area
from gsam_edge.vision.detections import Detections
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.masks import CroppedMasks
from gsam_edge.vision.suppression import unsuppressed

#: A box that ends so near its tile's edge, in shares of the tile's side, may go on behind it.
_NEAR_EDGE = 0.01


class TilingError(UserError):
    """Tiles that no image can be cut into."""


@dataclass(frozen=True)
class Tiling:
    """How an image is cut into tiles, and how what they find is merged.

    Attributes:
        side: of a square tile in pixels of the image.
        overlap: share of a tile that the next one shows too (0..1, exclusive). An object no larger than that is whole
            in some tile.
        whole: whether the whole image is one more view, for objects that are larger than the overlap: of smaller ones
            it sees less than the tiles.
        iou_threshold: a box is dropped when its IoU with a better one of its class is above this (0..1).
        cut_share: a box that a tile's edge cuts is dropped when this share of it (0..1) lies in a box of its class that
            is kept.

    Raises:
        TilingError: if a value is outside its range.
    """

    side: int
    overlap: float
    whole: bool
    iou_threshold: float
    cut_share: float

    def __post_init__(self) -> None:
        if self.side < 1 or not 0 <= self.overlap < 1:
            raise TilingError(
                f"tiles: expected a side from 1 pixel and an overlap in 0..1, 1 not included, got {self.side} and "
                f"{self.overlap}"
            )
        if not (0 <= self.iou_threshold <= 1 and 0 < self.cut_share <= 1):
            raise TilingError(
                f"tiles: expected iou_threshold in 0..1 and cut_share in 0..1, 0 not included, got "
                f"{self.iou_threshold} and {self.cut_share}"
            )

    def windows(self, image_hw: tuple[int, int]) -> NDArray[np.int64]:
        """Returns the tiles' corners in pixels, int64 [T, 4]: they cover the image, all of one size, none leaves it.

        One tile of the whole image where it is no larger than `side`.
        """
        lines, columns = (_starts(length, self.side, self.overlap) for length in image_hw)
        height, width = (min(length, self.side) for length in image_hw)
        return np.array([[x, y, x + width, y + height] for y in lines for x in columns], np.int64)


def _starts(length: int, side: int, overlap: float) -> list[int]:
    """Returns where tiles start along an axis, the last of them at its end, spread evenly."""
    if length <= side:
        return [0]
    count = 1 + int(np.ceil((length - side) / max(1.0, side * (1 - overlap))))
    return np.round(np.linspace(0, length - side, count)).astype(int).tolist()


def detect_in_tiles(
    detect: Callable[[Sequence[NDArray[np.uint8]]], Sequence[Detections]],
    image: NDArray[np.uint8],
    tiling: Tiling,
    *,
    batch_size: int,
) -> Detections:
    """Returns the objects in one image, found in its tiles and merged.

    Args:
        detect: finds the objects in each of some images, such as `Detector.all`.
        image: uint8 [H, W, 3], RGB.
        tiling: how it is cut; an image that is one tile goes in as it is.
        batch_size: views in one call of `detect`.

    Returns:
        By falling score, in pixels of the image; masks, where there are any, cropped.
    """
    image_hw = (image.shape[0], image.shape[1])
    windows = tiling.windows(image_hw)
    if len(windows) == 1:
        return detect([image])[0]
    if tiling.whole:
        windows = np.concatenate([windows, [[0, 0, image_hw[1], image_hw[0]]]])
    found: list[Detections] = []
    for start in range(0, len(windows), batch_size):
        corners = windows[start : start + batch_size].tolist()
        found += detect([image[top:bottom, left:right] for left, top, right, bottom in corners])
    if tiling.whole:
        large = np.flatnonzero(
            (found[-1].xyxy[:, 2:] - found[-1].xyxy[:, :2]).max(axis=1) > tiling.overlap * tiling.side
        )
        found[-1] = found[-1].select(large)
    moved = [_in_image(part, window, image_hw) for part, window in zip(found, windows, strict=True)]
    cut = [_is_cut(part.xyxy, window, image_hw) for part, window in zip(moved, windows, strict=True)]
    return merged(_joined(moved, image_hw), np.concatenate(cut), tiling)


def merged(found: Detections, cut: NDArray[np.bool_], tiling: Tiling) -> Detections:
    """Keeps each object of overlapping views once, by falling score.

    Whole boxes come first, the surest before others, then those that an edge cuts, the largest first: a part of an
    object never drops it, however sure it is.

    Args:
        found: N objects of all views, in pixels of the image.
        cut: bool [N], whether a tile's edge may cut the object.
        tiling: its thresholds.
    """
    area = box_area(found.xyxy)
    order = np.lexsort((-np.where(cut, area, found.scores), cut))
    xyxy, class_ids, area = found.xyxy[order], found.class_ids[order], area[order]
    kept = unsuppressed(xyxy, class_ids, tiling.iou_threshold)
    for row in np.flatnonzero(kept & cut[order]):
        better = np.flatnonzero(kept[:row] & (class_ids[:row] == class_ids[row]))
        top_left = np.maximum(xyxy[row, :2], xyxy[better, :2])
        bottom_right = np.minimum(xyxy[row, 2:], xyxy[better, 2:])
        shared = box_area(np.concatenate([top_left, bottom_right], axis=1))
        kept[row] = not (shared >= tiling.cut_share * area[row]).any()
    rows = order[kept]
    return found.select(rows[np.argsort(-found.scores[rows], kind="stable")])


def _in_image(part: Detections, window: NDArray[np.int64], image_hw: tuple[int, int]) -> Detections:
    """Moves what was found in a window to its place in the image; masks stay, or become, cropped."""
    corner = window[:2]
    masks = part.cropped
    if masks is None and part.masks is not None:
        whole = np.tile(np.array([0, 0, *(window[2:] - corner)], np.int64), (len(part), 1))
        masks = CroppedMasks.pack((1, 1), whole, part.masks)
    if masks is not None:
        masks = CroppedMasks(image_hw, masks.windows_xyxy + np.tile(corner, 2), masks.bits)
    xyxy = part.xyxy + np.tile(corner, 2).astype(np.float32)
    return Detections(xyxy, part.scores, part.class_ids, masks)


def _is_cut(xyxy: NDArray[np.float32], window: NDArray[np.int64], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Tells which boxes [N, 4] touch an edge of their window behind which the image goes on: bool [N]."""
    near = _NEAR_EDGE * float((window[2:] - window[:2]).max())
    inner = np.array([window[0] > 0, window[1] > 0, window[2] < image_hw[1], window[3] < image_hw[0]])
    away = np.concatenate([xyxy[:, :2] - window[:2], window[2:] - xyxy[:, 2:]], axis=1)
    return ((away <= near) & inner).any(axis=1)


def _joined(parts: Sequence[Detections], image_hw: tuple[int, int]) -> Detections:
    cropped = [part.cropped for part in parts]
    masks = None
    if all(each is not None for each in cropped):
        held = [each for each in cropped if each is not None]
        windows = np.concatenate([each.windows_xyxy for each in held])
        masks = CroppedMasks(image_hw, windows, tuple(bits for each in held for bits in each.bits))
    return Detections(
        np.concatenate([part.xyxy for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.class_ids for part in parts]),
        masks,
    )
