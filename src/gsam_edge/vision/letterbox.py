"""Letterbox geometry: from an image of any shape to a square network input and back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gsam_edge.vision.boxes import clip_xyxy
from gsam_edge.vision.images import is_turned, opened_image, reduce_jpeg, to_rgb, upright_hw, upright_rgb
from gsam_edge.vision.masks import CroppedMasks

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
        canvas = np.full((*self.canvas_hw, 3), PADDING_GREY, np.uint8)
        canvas[top : top + height, left : left + width] = np.asarray(self.resized(Image.fromarray(image)))
        return canvas

    def resized(self, image: Image.Image) -> Image.Image:
        """Returns an image of the size `image_hw` as it lies on the canvas, bilinear."""
        return image.resize(self.resized_hw[::-1], Image.Resampling.BILINEAR)

    def batch(self, resized: Image.Image) -> NDArray[np.float32]:
        """Returns what lies on the canvas, RGB of the size `resized_hw`, as network input [1, 3, S, S] in 0..1."""
        height, width = self.resized_hw
        left, top = self.offset_xy
        batch = np.empty((1, 3, *self.canvas_hw), np.float32)
        filled = batch[0, :, top : top + height, left : left + width]
        # numpy is quickest in three steps: whole planes of bytes, then numbers, then the division in place
        filled[...] = np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))
        np.divide(filled, np.float32(255), out=filled)
        beside = (batch[..., :top, :], batch[..., top + height :, :], batch[..., :left], batch[..., left + width :])
        for padding in beside:
            padding[...] = np.float32(PADDING_GREY) / np.float32(255)
        return batch

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

    def masks_to_image(self, probabilities: Sequence[NDArray[np.float32]], xyxy: NDArray[np.float32]) -> CroppedMasks:
        """Maps masks from the canvas back to the image; each is computed only within its box.

        Args:
            probabilities: N of float32 [h, w] in 0..1 over the whole canvas, at any resolution (a prototype mask is
                coarser).
            xyxy: corners [N, 4] in image pixels, inside the image.

        Returns:
            N masks: where the probability, resized bilinearly, is above `MASK_THRESHOLD`, and empty outside the boxes.
            A box holds the pixels whose middle is in it: half a pixel too many or too few at most, and none on average.
        """
        # x <= pixel + 0.5 < x': computed from the whole number, where nothing is rounded
        windows = np.ceil(xyxy.astype(np.float64) - 0.5).astype(np.int64)
        windows[:, 2:] = np.maximum(windows[:, 2:], windows[:, :2])  # of a box that ends before it starts
        parts = (
            self._read_mask(probability, window) > MASK_THRESHOLD
            for probability, window in zip(probabilities, windows.tolist(), strict=True)
        )
        return CroppedMasks.pack(self.image_hw, windows, parts)

    def _read_mask(self, probabilities: NDArray[np.float32], window_xyxy: Sequence[int]) -> NDArray[np.float32]:
        """Resamples the canvas's probabilities [h, w] at each pixel of a window of the image, bilinear."""
        left, top, right, bottom = window_xyxy
        if left == right or top == bottom:
            return np.zeros((bottom - top, right - left), np.float32)
        columns = self._read_axis(left, right, probabilities.shape[1], 1)
        lines = self._read_axis(top, bottom, probabilities.shape[0], 0)
        near = probabilities[lines.cells, columns.cells].astype(np.float32, copy=False)
        return np.asarray(
            Image.fromarray(near).resize(
                (right - left, bottom - top),
                Image.Resampling.BILINEAR,
                box=(columns.start, lines.start, columns.end, lines.end),
            )
        )

    def _read_axis(self, start: int, end: int, cells: int, axis: int) -> "_Span":
        """Returns where pixels start..end of the image lie on the cells of a mask along an axis, 0 down or 1 right."""
        stride = cells / self.canvas_hw[axis]
        scale, offset = self.resized_hw[axis] / self.image_hw[axis], self.offset_xy[1 - axis]
        # rounding may leave the canvas by 1e-13
        first, last = (min(max((pixel * scale + offset) * stride, 0.0), float(cells)) for pixel in (start, end))
        # Pillow reads so far around the middle of a pixel, further where it makes the mask smaller
        reach = math.ceil(max(1.0, (last - first) / (end - start)))
        low, high = max(math.floor(first) - reach, 0), min(math.ceil(last) + reach, cells)
        return _Span(slice(low, high), first - low, last - low)


@dataclass(frozen=True)
class _Span:
    """Cells of a mask along one axis, and which part of them is asked for, counted from the first of them."""

    cells: slice
    start: float
    end: float


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
    return letterbox.batch(letterbox.resized(Image.fromarray(image))), letterbox


def letterboxed_file(
    content: bytes, side: int, *, name: str, max_pixels: int, reduced: bool
) -> tuple[NDArray[np.float32], Letterbox]:
    """An image file as `letterboxed` gives its decoded image, without copies of all its pixels.

    Args:
        content: the bytes of the file.
        side: S, of the input, in pixels.
        name: the file's name in errors.
        max_pixels: images with more pixels (width x height) are refused before they are decoded.
        reduced: whether a JPEG that becomes half as large or smaller is decoded at 1/2, 1/4 or 1/8 of its size, never
            smaller than on the canvas. Other files, and all others where it is False, give the same numbers as
            `letterboxed(decode_image(content))`.

    Returns:
        As `letterboxed`.

    Raises:
        ImageError: see `decode_image`.
    """
    with opened_image(content, name=name, max_pixels=max_pixels) as image:
        letterbox = Letterbox.fit(upright_hw(image), (side, side))
        covered = reduce_jpeg(image, letterbox.resized_hw) if reduced else None
        if covered is None:
            return letterbox.batch(letterbox.resized(upright_rgb(image))), letterbox
        # turned when it is small: the part of a pixel at the end of the reduced image would turn with it
        width_height = letterbox.resized_hw if is_turned(image) else letterbox.resized_hw[::-1]
        small = to_rgb(image).resize(width_height, Image.Resampling.BILINEAR, box=covered)
        return letterbox.batch(ImageOps.exif_transpose(small)), letterbox
