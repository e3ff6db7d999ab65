"""Draws detections into an image, with installed fonts that have the characters of the class names."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from gsam_edge.report.fonts import font_file, warn_of_unknown
from gsam_edge.runtime.inference.draw import PALETTE, LineStyle, class_colour, draw_objects
from gsam_edge.vision import Detections

__all__ = ["PALETTE", "LineStyle", "class_colour", "draw_detections"]


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

    Warns once of characters that no installed font has.
    """
    warn_of_unknown(class_names)  # of all at once, not label by label
    return draw_objects(image, detections, class_names, width=width, font=_font, with_scores=with_scores, lines=lines)


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    return _loaded(font_file(text), size)


@cache
def _loaded(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)
