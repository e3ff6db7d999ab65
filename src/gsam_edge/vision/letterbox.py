"""Letterbox geometry: from an image of any shape to a square network input and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.vision.boxes import clip_xyxy

#: Grey of the padding, as in Ultralytics' training and pretrained weights.
PADDING_GREY = 114
#: A pixel belongs to an object above this probability.
MASK_THRESHOLD = 0.5


@dataclass(frozen=True)
class Letterbox:
    """A resize that keeps the aspect ratio, centred on a padded canvas.

    Attributes:
        image_hw: height and width of the original image in pixels.
        canvas_hw: height and width of the network input in pixels.
        resized_hw: height and width of the image on the canvas.
        offset_xy: left and top padding in pixels.
    """

    image_hw: tuple[int, int]
    canvas_hw: tuple[int, int]
    resized_hw: tuple[int, int]
    offset_xy: tuple[int, int]

    @classmethod
    def fit(cls, image_hw: tuple[int, int], canvas_hw: tuple[int, int]) -> "Letterbox":
        """Returns the largest centred placement of an image on a canvas; both (height, width)."""
        scale = min(canvas_hw[0] / image_hw[0], canvas_hw[1] / image_hw[1])
        height, width = (max(1, round(side * scale)) for side in image_hw)
        return cls(image_hw, canvas_hw, (height, width), ((canvas_hw[1] - width) // 2, (canvas_hw[0] - height) // 2))

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the image uint8 [H, W, 3] on its canvas, bilinear; padding is `PADDING_GREY`."""
        height, width = self.resized_hw
        left, top = self.offset_xy
        resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        canvas = np.full((*self.canvas_hw, 3), PADDING_GREY, np.uint8)
        canvas[top : top + height, left : left + width] = resized
        return canvas

    def _scale_xyxy(self) -> NDArray[np.float32]:
        scale_y = self.resized_hw[0] / self.image_hw[0]
        scale_x = self.resized_hw[1] / self.image_hw[1]
        return np.array([scale_x, scale_y, scale_x, scale_y], np.float32)

    def boxes_to_canvas(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps corners [N, 4] from image pixels to canvas pixels."""
        return (xyxy * self._scale_xyxy() + np.array(self.offset_xy * 2, np.float32)).astype(np.float32)

    def boxes_to_image(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps corners [N, 4] from canvas pixels to image pixels, clipped to the image."""
        return clip_xyxy((xyxy - np.array(self.offset_xy * 2, np.float32)) / self._scale_xyxy(), self.image_hw)

    def masks_to_image(self, probabilities: NDArray[np.float32], xyxy: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Maps masks from the canvas back to the image; each is computed only within its box.

        Args:
            probabilities: float32 [N, h, w] in 0..1 over the whole canvas, at any resolution (a prototype mask is
                coarser).
            xyxy: corners [N, 4] in image pixels, inside the image; every pixel that a box touches is read.

        Returns:
            bool [N, H, W] in the original image's size: where the probability, resized bilinearly, is above
            `MASK_THRESHOLD`, and False outside the boxes.
        """
        masks = np.zeros((len(probabilities), *self.image_hw), bool)
        corners = np.concatenate([np.floor(xyxy[:, :2]), np.ceil(xyxy[:, 2:])], axis=1).astype(int).tolist()
        for mask, probability, (left, top, right, bottom) in zip(masks, probabilities, corners, strict=True):
            if right > left and bottom > top:
                read = self._read_mask(probability, (left, top, right, bottom))
                mask[top:bottom, left:right] = read > MASK_THRESHOLD
        return masks

    def _read_mask(
        self, probabilities: NDArray[np.float32], window_xyxy: tuple[int, int, int, int]
    ) -> NDArray[np.float32]:
        """Resamples the canvas's probabilities [h, w] at each pixel of a window of the image, bilinear."""
        height, width = probabilities.shape
        stride_xy = np.array([width, height]) / self.canvas_hw[::-1]
        scale_xy = np.array(self.resized_hw[::-1]) / self.image_hw[::-1]
        corners = (np.array(window_xyxy).reshape(2, 2) * scale_xy + self.offset_xy) * stride_xy
        source = np.clip(corners, 0, [width, height]).ravel().tolist()  # rounding may leave the canvas by 1e-13
        left, top, right, bottom = window_xyxy
        target = Image.fromarray(probabilities).resize(
            (right - left, bottom - top),
            Image.Resampling.BILINEAR,
            box=(source[0], source[1], source[2], source[3]),
        )
        return np.asarray(target)


def letterboxed(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.float32], Letterbox]:
    """An image as a network with a square input wants it, and the geometry that leads back.

    Args:
        image: uint8 [H, W, 3], RGB.
        side: S, of the input, in pixels.

    Returns:
        float32 [1, 3, S, S], RGB in 0..1; and the letterbox.

    Raises:
        ValueError: if the image is not uint8 [H, W, 3] with at least one pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image: expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}")
    letterbox = Letterbox.fit((image.shape[0], image.shape[1]), (side, side))
    planes = letterbox.image(image).transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planes).astype(np.float32) / np.float32(255), letterbox
