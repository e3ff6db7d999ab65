"""Draws detections into an image, with installed fonts that have the characters of the class names."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from gsam_edge.report.fonts import font_file, warn_of_unknown
from gsam_edge.runtime.inference.draw import PALETTE, LineStyle, class_colour, draw_objects
from gsam_edge.vision import Detections

__all__ = ["PALETTE", "LineStyle", "class_colour", "draw_detections", "drawn_aspect"]

#: Height of a drawing over its width, at most. Images of line-scan cameras are hundreds of times as tall as wide, and
#: neither a JPEG nor a plot may have more than 65,535 lines.
_TALLEST = 2.5


def drawn_aspect(image: NDArray[np.uint8]) -> float:
    """Returns the height over the width of the place that an image's drawing takes; taller images leave it narrower."""
    return float(min(image.shape[0] / image.shape[1], _TALLEST))


def draw_detections(
    image: NDArray[np.uint8],
    detections: Detections,
    class_names: Sequence[str],
    *,
    width: int,
    with_scores: bool = True,
    lines: Sequence[LineStyle] = (),
) -> NDArray[np.uint8]:
    """Draws detections as `draw_objects` does, labels in a font that has the characters of all names.

    A tall image's drawing is narrower than `width`, so that it fits the place of `drawn_aspect`. Warns once of
    characters that no installed font has.
    """
    warn_of_unknown(class_names)  # of all at once, not label by label
    width = max(1, round(width * drawn_aspect(image) * image.shape[1] / image.shape[0]))
    return draw_objects(image, detections, class_names, width=width, font=_font, with_scores=with_scores, lines=lines)


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    return _loaded(font_file(text), size)


@cache
def _loaded(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)
