"""albumentations' geometric transforms, corrected so that labels stay on their object, and a zoom of our own.

Only this module and `coarse` import albumentations, after setting the environment variable that keeps it offline:
otherwise it looks for a newer version of itself when it is imported.
"""

import os
from typing import Annotated, Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A  # noqa: N812
import cv2
import numpy as np
from albumentations.augmentations.dropout.transforms import BaseDropout
from albumentations.augmentations.geometric.distortion import BaseDistortion
from albumentations.core.pydantic import check_range_bounds, nondecreasing
from albumentations.core.transforms_interface import BaseTransformInitSchema
from numpy.typing import NDArray
from pydantic import AfterValidator

from gsam_edge.augmentation import coarse
from gsam_edge.augmentation.mask_bits import pack_masks, passes, unpack_masks
from gsam_edge.vision.masks import CroppedMasks, masks_to_xyxy

__all__ = ["A", "BoxSafeZoom", "Compose", "transform_class"]

Labels = NDArray[Any]


class _EmptyBorders:
    """Fills the border of masks and boxes with no object, whatever fills the border of the image.

    albumentations fills the border of masks like that of the image, so that objects near the edge would be smeared
    or mirrored, and mirrors boxes.
    """

    border_mode: int

    def apply_to_mask(self, mask: Labels, *args: Any, **params: Any) -> Labels:
        return self._bordered("apply_to_mask", mask, *args, **params)

    def apply_to_bboxes(self, bboxes: Labels, *args: Any, **params: Any) -> Labels:
        return self._bordered("apply_to_bboxes", bboxes, *args, **params)

    def _bordered(self, method: str, labels: Labels, *args: Any, **params: Any) -> Labels:
        border, self.border_mode = self.border_mode, cv2.BORDER_CONSTANT
        try:
            return getattr(super(), method)(labels, *args, **params)
        finally:
            self.border_mode = border


class _WholeBoxes:
    """Computes the box of a distorted object as the box around its distorted rectangle.

    albumentations cuts off its last column and row, and leaves the box where it was when the object has left the image.
    """

    def apply_to_bboxes(self, bboxes: Labels, *args: Any, **params: Any) -> Labels:
        size, rectangles = _rectangles(bboxes, params["shape"])
        moved = masks_to_xyxy(_moved(self, rectangles, *args, **params))
        return np.concatenate([moved / size, bboxes[:, 4:]], axis=1)


class _VisibleBoxes:
    """Shrinks a partly covered box to its visible part, and drops it if too little is visible.

    albumentations rounds boxes down before it measures the visible part, and so drops boxes of one pixel, covered or
    not.
    """

    def apply_to_bboxes(self, bboxes: Labels, *args: Any, **params: Any) -> Labels:
        size, rectangles = _rectangles(bboxes, params["shape"])
        left = _moved(self, rectangles, *args, **params)
        visible = left.areas / rectangles.areas
        boxes = np.where(visible[:, None] < 1, masks_to_xyxy(left) / size, bboxes[:, :4])
        least = self.get_processor("bboxes").params.min_visibility  # type: ignore[attr-defined]
        return np.concatenate([boxes, bboxes[:, 4:]], axis=1)[visible >= least]


def _moved(transform: Any, masks: CroppedMasks, *args: Any, **params: Any) -> CroppedMasks:
    """Returns masks as a transform moves them, some at a time."""
    parts = []
    for rows in passes(len(masks), masks.image_hw):
        some = masks[range(rows.start, rows.stop)]
        bits = transform.apply_to_mask(pack_masks(some), *args, **params)
        parts.append(unpack_masks(bits.reshape(*bits.shape[:2], -1), len(some)))
    return CroppedMasks.joined(parts)


def _rectangles(bboxes: Labels, shape: tuple[int, ...]) -> tuple[Labels, CroppedMasks]:
    """Returns the image's width, height, width, height, and boxes [N, 4+] (fractions of it) as masks.

    Each mask has at least one pixel.
    """
    height, width = shape[:2]
    size = np.array([width, height, width, height])
    corners = np.floor(bboxes[:, :4] * size + 0.5).astype(int)
    first = corners[:, :2].clip(0, size[:2] - 1)
    last = np.maximum(corners[:, 2:], first + 1).clip(max=size[:2])
    windows = np.concatenate([first, last], axis=1).astype(np.int64)
    filled = (np.ones((bottom - top, right - left), bool) for left, top, right, bottom in windows.tolist())
    return size, CroppedMasks.pack((height, width), windows, filled)


class BoxSafeZoom(A.Affine):  # type: ignore[misc]  # albumentations carries no types
    """Zooms in at the image's own size and aspect ratio, keeping every box inside.

    The zoom is drawn from `zoom` (1 is no change) and reduced where the boxes would not fit. albumentations'
    BBoxSafeRandomCrop is no replacement: it has no limit that keeps a single small object from filling the image, it
    changes aspect ratio and size, and it can fail on a box of one pixel.
    """

    class InitSchema(BaseTransformInitSchema):  # type: ignore[misc]
        zoom: Annotated[tuple[float, float], AfterValidator(check_range_bounds(1, None)), AfterValidator(nondecreasing)]

    def __init__(self, zoom: tuple[float, float] = (1.0, 1.3), p: float = 0.5) -> None:
        super().__init__(p=p)
        self.zoom = zoom

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Returns the affine matrices of the drawn view, as `Affine` applies them."""
        height, width = params["shape"][:2]
        size = np.array([width, height], float)
        boxes = np.clip(data["bboxes"][:, :4], 0, 1)
        first = boxes[:, :2].min(axis=0) * size if len(boxes) else size
        last = boxes[:, 2:].max(axis=0) * size if len(boxes) else np.zeros(2)
        room = min([self.py_random.uniform(*self.zoom), *(size / np.maximum(last - first, 1e-6))])
        zoom = max(1.0, room)
        view = size / zoom
        leftmost, rightmost = np.maximum(0, last - view), np.minimum(first, size - view)
        origin = [self.py_random.uniform(*span) for span in zip(leftmost, np.maximum(leftmost, rightmost), strict=True)]
        bbox_matrix = np.array([[zoom, 0, -zoom * origin[0]], [0, zoom, -zoom * origin[1]], [0, 0, 1]])
        # The same view in coordinates whose integers are pixel centres, not pixel corners.
        matrix = bbox_matrix.copy()
        matrix[:2, 2] += (zoom - 1) / 2
        return {
            "rotate": 0.0,
            "scale": {"x": zoom, "y": zoom},
            "matrix": matrix,
            "bbox_matrix": bbox_matrix,
            "output_shape": (height, width),
        }


class Compose(A.Compose):  # type: ignore[misc]
    """albumentations' pipeline, which looks for boxes to drop after transforms that moved boxes only.

    albumentations does so after each transform, and most were not drawn, or change colours.
    """

    _checked: Labels | None

    def check_data_post_transform(self, data: dict[str, Any]) -> dict[str, Any]:
        """See albumentations."""
        if data["bboxes"] is not self._checked:
            data = super().check_data_post_transform(data)
            self._checked = data["bboxes"]
        return data

    def preprocess(self, data: Any) -> None:
        """See albumentations."""
        super().preprocess(data)
        self._checked = None


def transform_class(name: str) -> type[A.BasicTransform]:
    """Returns the class of a known transform, with labels corrected where albumentations' own are wrong."""
    if name == BoxSafeZoom.__name__:
        return BoxSafeZoom
    plain: type[A.BasicTransform] = getattr(coarse, name, None) or getattr(A, name)
    mends: tuple[type, ...] = ()
    if issubclass(plain, BaseDistortion):
        mends += (_WholeBoxes,)
    if issubclass(plain, BaseDropout):
        mends += (_VisibleBoxes,)
    if "border_mode" in plain.InitSchema.model_fields:
        mends += (_EmptyBorders,)
    return type(name, (*mends, plain), {}) if mends else plain
