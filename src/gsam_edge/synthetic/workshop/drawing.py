"""Line drawings of single things in the square [-1, 1]."""

from dataclasses import dataclass

import numpy as np

from gsam_edge.synthetic.shapes import Contour, polygon

#: Contours (even-odd) and their tone: -1 is black, 0 the part's own colour, 1 white.
Detail = tuple[tuple[Contour, ...], float]


@dataclass(frozen=True)
class Drawing:
    """One drawn part.

    Attributes:
        outline: closed contours in [-1, 1], which are its mask; a contour inside another one cuts a hole.
        details: painted onto it, in this order.
    """

    outline: tuple[Contour, ...]
    details: tuple[Detail, ...] = ()


def at(contour: Contour, x: float, y: float) -> Contour:
    """Returns a moved contour."""
    return contour + np.array([x, y], np.float32)


def disc(radius: float, x: float = 0.0, y: float = 0.0) -> Contour:
    """Returns a circle."""
    return at(polygon(20) * np.float32(radius), x, y)


def dashes(start: tuple[float, float], stop: tuple[float, float], count: int, width: float) -> tuple[Contour, ...]:
    """Returns equal dashes with equal gaps on a straight line."""
    places = np.linspace(start, stop, 2 * count + 1)
    turn = np.array([-1, 1]) * (places[-1] - places[0])[::-1] / np.hypot(*(places[-1] - places[0])) * width / 2
    pairs = zip(places[:-1:2], places[1::2], strict=True)
    return tuple(np.array([a + turn, b + turn, b - turn, a - turn], np.float32) for a, b in pairs)
