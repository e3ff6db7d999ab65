"""Asks a finder about an image and about its mirror images, and fuses the answers (test-time augmentation).

Labels of several views of an image are better than those of one (data distillation, Radosavovic et al. 2018,
arXiv:1712.04440).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.metrics.fusion import fuse_boxes
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import Image, TeacherPredict
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import CroppedMasks

#: "horizontal" changes left and right, "vertical" top and bottom.
Flip: TypeAlias = Literal["horizontal", "vertical"]

_AXIS: dict[Flip, int] = {"vertical": 0, "horizontal": 1}


def with_flips(find: TeacherPredict, flips: Sequence[Flip], detection: DetectionConfig) -> TeacherPredict:
    """Returns a finder that is asked about each image as it is and flipped, and answers with both fused.

    Args:
        find: finds objects; given boxes are passed on to it as they are, without any flip.
        flips: the flips; none leaves the finder as it is.
        detection: `nms_iou` says which boxes of the views are one object; of the fused ones those below
            `score_threshold` (a box that one of two views has keeps half of its score) and all but the best
            `max_detections` are dropped.

    Returns:
        The finder. Its objects come by falling score, without class scores. A mask is that of the first view that has
        the object, with what that view says of it.
    """
    if not flips:
        return find

    def asked(images: Sequence[Image], prompts: Sequence[Detections] | None) -> Iterable[Detections]:
        if prompts is not None:
            return find(images, prompts)
        views = [find(images, None)]
        views += [find([np.ascontiguousarray(np.flip(image, _AXIS[flip])) for image in images], None) for flip in flips]
        return _fused(images, views, flips, detection)

    return asked


def _fused(
    images: Sequence[Image], views: Sequence[Iterable[Detections]], flips: Sequence[Flip], detection: DetectionConfig
) -> Iterator[Detections]:
    """Yields what all views of an image say, one image after the other."""
    for image, first, *others in zip(images, *views, strict=True):
        hw = (image.shape[0], image.shape[1])
        found = [first, *(flipped(other, flip, hw) for other, flip in zip(others, flips, strict=True))]
        boxes, rows = fuse_boxes(found, detection.nms_iou)
        kept = np.flatnonzero(boxes.scores >= detection.score_threshold)[: detection.max_detections]
        yield _with_masks(boxes.select(kept), found, rows[kept])


def flipped(found: Detections, flip: Flip, image_hw: tuple[int, int]) -> Detections:
    """Returns the detections of an image where they lie in its mirror image; twice gives them back.

    Args:
        found: corners in pixels of the image, perhaps with masks.
        flip: the flip.
        image_hw: height and width of the image in pixels.
    """
    axis = _AXIS[flip]
    low, high, size = 1 - axis, 3 - axis, image_hw[axis]
    xyxy = found.xyxy.copy()
    xyxy[:, [low, high]] = size - found.xyxy[:, [high, low]]
    masks = found.crop()
    if masks is not None:
        windows = masks.windows_xyxy.copy()
        windows[:, [low, high]] = size - masks.windows_xyxy[:, [high, low]]
        masks = CroppedMasks.pack(image_hw, windows, (np.flip(masks.part(row), axis) for row in range(len(masks))))
    return replace(found, xyxy=xyxy, masks=masks)


def _with_masks(boxes: Detections, found: Sequence[Detections], rows: NDArray[np.int64]) -> Detections:
    """Adds the masks of rows among those of all views, where the views have masks."""
    cropped = [masks for view in found if (masks := view.crop()) is not None]
    if len(cropped) < len(found):
        return boxes
    scores = [view.mask_scores for view in found if view.mask_scores is not None]
    return replace(
        boxes,
        masks=CroppedMasks.joined(cropped)[rows],
        mask_scores=np.concatenate(scores)[rows] if len(scores) == len(found) else None,
    )
