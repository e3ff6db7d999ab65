"""Draws detections into an image with Pillow."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from gsam_edge.vision.detections import Detections
from gsam_edge.vision.masks import CroppedMasks

#: How a box's line is drawn.
LineStyle: TypeAlias = Literal["solid", "dashed", "dotted"]
#: Left, top, right and bottom in pixels of the image.
Box: TypeAlias = tuple[float, float, float, float]
#: The font for a text, of a size in pixels.
FontFor: TypeAlias = Callable[[str, int], ImageFont.FreeTypeFont]

#: Okabe and Ito's colours, which stay apart in every common colour blindness (black and yellow left out), RGB 0..255.
PALETTE = (
    (230, 159, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
)
_HALO = (255, 255, 255)
#: Length and distance of the strokes of broken lines, in widths of the line.
_STROKES = {"dashed": (9, 5), "dotted": (1, 3)}
_MASK_OPACITY = 0.42
#: In images with more objects than this no text is drawn, only colours.
_MOST_LABELS = 14


def class_colour(class_id: int) -> tuple[int, int, int]:
    """Returns the RGB colour (0..255) of a class, the same in every image; colours repeat after the palette's end."""
    return PALETTE[class_id % len(PALETTE)]


@lru_cache
def default_font(size: int) -> ImageFont.FreeTypeFont:
    """Returns the font that comes with Pillow, which has Latin letters only."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise OSError("Pillow: expected a build with FreeType, which all wheels are, got one without")
    return font


def draw_objects(
    image: NDArray[np.uint8],
    detections: Detections,
    class_names: Sequence[str],
    *,
    width: int,
    font: FontFor = lambda text, size: default_font(size),
    with_scores: bool = True,
    lines: Sequence[LineStyle] = (),
) -> NDArray[np.uint8]:
    """Draws detections into an image: translucent masks with their outline, boxes, class and score.

    Args:
        image: uint8 [H, W, 3] RGB.
        detections: boxes and masks in that image's pixels; the best score is drawn last, on top.
        class_names: by class id.
        width: width of the drawing in pixels; its height keeps the aspect ratio.
        font: gives the font of a label.
        with_scores: whether the score is written beside the class name.
        lines: the line of each box; empty for solid ones. Masks are drawn of objects, not where the line is dashed.

    Returns:
        uint8 [round(H * width / W), width, 3] RGB.
    """
    scale = width / image.shape[1]
    size = (width, max(1, round(image.shape[0] * scale)))
    canvas = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS), np.float32)
    order = np.argsort(detections.scores, kind="stable")
    masks = detections.crop()
    if masks is not None:
        canvas = canvas.copy()  # Pillow's pixels cannot be written to
        for row in order if not lines else [row for row in order if lines[row] != "dashed"]:
            _blend(canvas, masks, int(row), class_colour(int(detections.class_ids[row])))
    drawing = Image.fromarray(np.round(canvas).astype(np.uint8))
    pen = ImageDraw.Draw(drawing)
    line_width = max(1, round(width / 240))
    for row in order:
        box = _upright(detections.xyxy[row] * scale)
        halo = (box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1)
        colour = class_colour(int(detections.class_ids[row]))
        if not lines or lines[row] == "solid":
            pen.rectangle(halo, outline=_HALO, width=line_width + 2)
            pen.rectangle(box, outline=colour, width=line_width)
            continue
        strokes = _strokes(box, *(part * line_width for part in _STROKES[lines[row]]))
        for stroke in strokes:
            pen.line(stroke, fill=_HALO, width=line_width + 2)
        for stroke in strokes:
            pen.line(stroke, fill=colour, width=line_width)
    if len(detections) <= _MOST_LABELS:
        plates: list[Box] = []
        for row in order[::-1]:
            class_id = int(detections.class_ids[row])
            text = f"{class_names[class_id]} {detections.scores[row]:.2f}" if with_scores else class_names[class_id]
            box = _upright(detections.xyxy[row] * scale)
            plates.append(_write_label(pen, text, box, class_colour(class_id), font, size=drawing.size, taken=plates))
    return np.asarray(drawing)


def _strokes(box: Box, on: float, off: float) -> list[Box]:
    """Returns the strokes of a box's broken line, `on` pixels long, `off` apart, each from a corner to the next."""
    left, top, right, bottom = box
    across = [(start, min(start + on, right)) for start in np.arange(left, right, on + off).tolist()]
    down = [(start, min(start + on, bottom)) for start in np.arange(top, bottom, on + off).tolist()]
    return [(start, y, end, y) for y in (top, bottom) for start, end in across] + [
        (x, start, x, end) for x in (left, right) for start, end in down
    ]


@dataclass(frozen=True)
class _Span:
    """A mask's window along one axis, and where it lies on the canvas.

    Attributes:
        padding: pixels of the image before and behind the window, which are empty.
        pixels: the canvas's pixels that lie in the padded window.
        ends: their first and last edge in pixels of the padded window.
    """

    padding: tuple[int, int]
    pixels: slice
    ends: tuple[float, float]

    @classmethod
    def of(cls, start: int, end: int, length: int, canvas_length: int) -> "_Span":
        """Returns the span of a window start..end in an image of a length that is drawn on a canvas of another."""
        scale = canvas_length / length
        margin = math.ceil(3 / scale) + 2  # room for the smoothed edge, and for pixels that the padding's end cuts
        low, high = max(start - margin, 0), min(end + margin, length)
        first = 0 if low == 0 else math.ceil(low * scale)
        last = canvas_length if high == length else math.floor(high * scale)
        ends = max(first / scale - low, 0.0), min(last / scale - low, float(high - low))
        return cls((start - low, high - end), slice(first, last), ends)


def _blend(canvas: NDArray[np.float32], masks: CroppedMasks, row: int, colour: tuple[int, int, int]) -> None:
    """Draws a translucent mask and its opaque outline into the canvas, of which only the mask's window is touched."""
    left, top, right, bottom = masks.windows_xyxy[row].tolist()
    if left == right or top == bottom:
        return
    (height, width), (canvas_height, canvas_width) = masks.image_hw, canvas.shape[:2]
    down, across = _Span.of(top, bottom, height, canvas_height), _Span.of(left, right, width, canvas_width)
    part = np.pad(masks.part(row).astype(np.uint8) * 255, (down.padding, across.padding))
    place = canvas[down.pixels, across.pixels]
    resized = Image.fromarray(part).resize(
        (place.shape[1], place.shape[0]),
        Image.Resampling.BILINEAR,
        box=(across.ends[0], down.ends[0], across.ends[1], down.ends[1]),
    )
    mask = np.asarray(resized) > 127
    inner = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MinFilter(3))) > 127
    opacity = np.where(mask & ~inner, 1, mask * _MASK_OPACITY).astype(np.float32)[..., None]
    place[...] = place * (1 - opacity) + np.asarray(colour, np.float32) * opacity


def _upright(xyxy: NDArray[np.float32]) -> Box:
    """Returns corners in rising order: a network may give a box with swapped corners, which Pillow refuses to draw."""
    left, top, right, bottom = (float(value) for value in xyxy)
    return min(left, right), min(top, bottom), max(left, right), max(top, bottom)


def _write_label(
    pen: ImageDraw.ImageDraw,
    text: str,
    box: Box,
    colour: tuple[int, int, int],
    font_for: FontFor,
    *,
    size: tuple[int, int],
    taken: Sequence[Box],
) -> Box:
    """Writes text on a plate of the class's colour above, below or in the box, off other plates; returns the plate."""
    text = " ".join(text.split())  # a name of several lines is written in one
    font = font_for(text, max(9, round(size[0] / 32)))
    pad = max(1, round(font.size / 6))
    width, height = pen.textlength(text, font=font) + 2 * pad, sum(font.getmetrics())
    places = [(box[0], box[1] - height), (box[0], box[3]), (box[2] - width, box[1] - height), (box[0], box[1])]
    plates = [_inside(left, top, width, height, size) for left, top in places]
    plate = next((p for p in plates if not any(_overlap(p, other) for other in taken)), plates[0])
    pen.rectangle(plate, fill=colour)
    luminance = np.dot(colour, (0.299, 0.587, 0.114))
    pen.text((plate[0] + pad, plate[1]), text, font=font, fill=(0, 0, 0) if luminance > 140 else (255, 255, 255))
    return plate


def _inside(left: float, top: float, width: float, height: float, size: tuple[int, int]) -> Box:
    """Moves a plate into the image of (width, height)."""
    left = min(max(0, left), max(0, size[0] - width))
    top = min(max(0, top), max(0, size[1] - height))
    return left, top, left + width, top + height


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
