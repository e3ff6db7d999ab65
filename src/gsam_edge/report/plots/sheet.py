"""A sheet of drawn images, each below its caption."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gsam_edge.report.draw import drawn_aspect
from gsam_edge.report.fonts import literal
from gsam_edge.report.plots.classes import FIGURE_DPI

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = "#262626"
#: Width of the sheet, and height of a line of a caption, inches.
_WIDE, _LINE = 16.0, 0.19
#: Images of a smaller height over width are read only when they are drawn twice as wide.
_OBLONG = 1 / 3


def image_sheet(
    drawn: Sequence[NDArray[np.uint8]], captions: Sequence[str], *, columns: int, fonts: Sequence[str], foot: float
) -> "Figure":
    """Returns a figure of images in rows, each row as high as its images; half as many a row where most are oblong.

    Args:
        drawn: uint8 [H, W, 3] RGB, at least one.
        captions: one for each, of one line or several.
        columns: images in a row of a full sheet, which is 16 inches wide.
        fonts: font families of the captions.
        foot: room below the images, for a legend, inches.
    """
    from matplotlib.figure import Figure

    across = columns
    if np.median([drawn_aspect(image) for image in drawn]) < _OBLONG:
        across = max(1, columns // 2)
    width, across = _WIDE / across, min(across, len(drawn))
    cells = list(zip(drawn, captions, strict=True))
    heights = [
        width * max(drawn_aspect(image) for image, _ in line) + _LINE * max(text.count("\n") + 2 for _, text in line)
        for line in (cells[at : at + across] for at in range(0, len(cells), across))
    ]
    figure = Figure(figsize=(width * across, sum(heights) + foot), layout="constrained", dpi=FIGURE_DPI)
    grid = figure.subplots(len(heights), across, squeeze=False, height_ratios=heights)
    for axes in grid.flat:
        axes.set_axis_off()
        axes.set_anchor("NW")
    for axes, image, caption in zip(grid.flat, drawn, captions, strict=False):
        axes.imshow(image)
        axes.set_title(literal(caption), loc="left", fontfamily=fonts, fontsize=8.5, color=_INK)
    return figure
