"""Outlines of named shapes as contours in the square [-1, 1]; a contour inside another one cuts a hole (even-odd)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

#: float32 [K, 2] points (x, y).
Contour = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """A fixed outline and how far it may be squeezed.

    Attributes:
        contours: closed contours in [-1, 1].
        squeeze: smallest and largest ratio of height to width at which the shape keeps its name.
    """

    contours: tuple[Contour, ...]
    squeeze: tuple[float, float] = (0.75, 1.0)


def points(*xy: tuple[float, float]) -> Contour:
    return np.array(xy, np.float32)


def polar(radius: NDArray[np.float64], start: float = -pi / 2) -> Contour:
    """Returns a contour with one radius for each of equally spaced angles, clockwise on the screen from `start`."""
    angle = start + np.arange(len(radius)) * 2 * pi / len(radius)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


def polygon(corners: int) -> Contour:
    return polar(np.ones(corners))


def box(half_width: float, half_height: float) -> Contour:
    w, h = half_width, half_height
    return points((-w, -h), (w, -h), (w, h), (-w, h))


def ribbon(x: NDArray[np.float64], y: NDArray[np.float64], half_width: NDArray[np.float64] | float) -> Contour:
    """Returns the outline of a line through (x, y) with a width, like a brush stroke."""
    dx, dy = np.gradient(x), np.gradient(y)
    length = np.maximum(np.hypot(dx, dy), 1e-6)
    normal = np.stack([-dy / length, dx / length], axis=1) * np.reshape(half_width, (-1, 1))
    centre = np.stack([x, y], axis=1)
    return np.concatenate([centre + normal, (centre - normal)[::-1]]).astype(np.float32)


def _gear() -> tuple[Contour, ...]:
    teeth = np.tile([1.0, 1.0, 0.72, 0.72], 9)
    return polar(teeth), polygon(24) * np.float32(0.3)


def _crescent() -> tuple[Contour, ...]:
    outer = np.linspace(0.25 * pi, 1.75 * pi, 32)
    inner = np.linspace(1.62 * pi, 0.38 * pi, 24)
    x = np.concatenate([np.cos(outer), 0.35 + 0.95 * np.cos(inner)])
    y = np.concatenate([np.sin(outer), 0.76 * np.sin(inner)])
    return (np.stack([x, y], axis=1).astype(np.float32),)


def _drop() -> tuple[Contour, ...]:
    t = np.linspace(0, 2 * pi, 40, endpoint=False)
    return (np.stack([0.95 * np.sin(t) * np.sin(t / 2) ** 1.5, -np.cos(t)], axis=1).astype(np.float32),)


def _heart() -> tuple[Contour, ...]:
    t = np.linspace(0, 2 * pi, 48, endpoint=False)
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return (np.stack([np.sin(t) ** 3, y], axis=1).astype(np.float32),)


def _leaf() -> tuple[Contour, ...]:
    x = np.linspace(-1, 1, 20)
    edge = 0.42 * (1 - x**2)
    return (np.concatenate([np.stack([x, -edge], 1), np.stack([x, edge], 1)[::-1]]).astype(np.float32),)


def _zigzag() -> tuple[Contour, ...]:
    top = [(-1 + i * 0.4, -0.55 if i % 2 else 0.15) for i in range(6)]
    return (points(*top, *((x, y + 0.4) for x, y in reversed(top))),)


def _dumbbell() -> tuple[Contour, ...]:
    x = np.linspace(-1, 1, 41)
    bulbs = np.sqrt(np.clip(0.36**2 - (np.abs(x) - 0.64) ** 2, 0, None))
    edge = np.where(np.abs(x) < 0.64, np.maximum(bulbs, 0.12), bulbs)
    return (np.concatenate([np.stack([x, -edge], 1), np.stack([x, edge], 1)[::-1]]).astype(np.float32),)


def _spiral() -> tuple[Contour, ...]:
    t = np.linspace(0.6 * pi, 5 * pi, 70)
    return (ribbon(0.9 * t / (5 * pi) * np.cos(t), 0.9 * t / (5 * pi) * np.sin(t), 0.1),)


def _flower() -> tuple[Contour, ...]:
    return (polar(0.68 + 0.32 * np.cos(np.arange(60) * 2 * pi / 60 * 6)),)


def _pouch() -> tuple[Contour, ...]:
    """Returns a filled sack with a narrow neck and a flaring mouth."""
    y = np.linspace(-1, 1, 40)
    body = 0.8 * np.sqrt(np.clip(1 - ((y - 0.25) / 0.77) ** 2, 0, None))
    mouth = 0.2 + 0.35 * np.clip(-y - 0.55, 0, None) / 0.45
    half = np.where(y < -0.4, np.maximum(mouth, body * (y > -0.52)), np.maximum(body, 0.02))
    return (np.concatenate([np.stack([-half, y], 1), np.stack([half, y], 1)[::-1]]).astype(np.float32),)


def _fan() -> tuple[Contour, ...]:
    """Returns a sector with a scalloped rim, gathered at one point."""
    angle = np.linspace(-0.85, 0.85, 36)
    radius = 1.85 - 0.14 * np.abs(np.sin(angle * 5.5))
    rim = np.stack([radius * np.sin(angle) * 0.72, 0.95 - radius * np.cos(angle)], axis=1)
    return (np.concatenate([rim, [[0.1, 1.0], [-0.1, 1.0]]]).astype(np.float32),)


def _jigsaw() -> tuple[Contour, ...]:
    t = np.linspace(-0.75 * pi, 0.75 * pi, 14)
    knob = np.stack([0.72 + 0.24 * np.cos(t), 0.24 * np.sin(t)], axis=1)
    dent = np.stack([-0.18 * np.sin(t), -0.48 + 0.2 * np.cos(t)], axis=1)
    body = [(-0.62, -0.62), *dent, (0.55, -0.62), *knob, (0.55, 0.62), (-0.62, 0.62)]
    return (np.array(body, np.float32),)


def _comb() -> tuple[Contour, ...]:
    teeth = [
        (x + d, y) for x in np.linspace(0.83, -0.83, 6) for d, y in ((0.1, -0.1), (0.1, 0.6), (-0.1, 0.6), (-0.1, -0.1))
    ]
    return (points((-0.95, -0.6), (0.95, -0.6), *teeth),)


def _ladder() -> tuple[Contour, ...]:
    holes = (box(0.2, 0.22) + np.array([x, 0], np.float32) for x in (-0.7, -0.23, 0.23, 0.7))
    return (box(1.0, 0.38), *holes)


#: Shapes with a fixed outline, by name.
SHAPES: dict[str, Shape] = {
    "circle": Shape((polygon(40),), (1.0, 1.0)),
    "ring": Shape((polygon(40), polygon(32) * np.float32(0.62)), (0.9, 1.0)),
    "triangle": Shape((polygon(3),)),
    "square": Shape((box(0.8, 0.8),), (1.0, 1.0)),
    "rectangle": Shape((box(1.0, 1.0),), (0.35, 0.65)),
    "bar": Shape((box(1.0, 1.0),), (0.1, 0.18)),
    "star": Shape((polar(np.tile([1.0, 0.42], 5)),)),
    "cross": Shape(
        (
            points(
                *((-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3)),
                *((0.3, 1), (-0.3, 1), (-0.3, 0.3), (-1, 0.3), (-1, -0.3), (-0.3, -0.3)),
            ),
        )
    ),
    "pentagon": Shape((polygon(5),), (0.9, 1.0)),
    "hexagon": Shape((polygon(6),), (0.9, 1.0)),
    "crescent": Shape(_crescent()),
    "ellipse": Shape((polygon(40),), (0.35, 0.65)),
    "diamond": Shape((polygon(4),), (0.5, 0.7)),
    "arrowhead": Shape((points((1, 0), (-0.9, 0.8), (-0.45, 0), (-0.9, -0.8)),)),
    "gear": Shape(_gear(), (0.95, 1.0)),
    "drop": Shape(_drop()),
    "heart": Shape(_heart()),
    "bowtie": Shape((points((-1, -0.7), (0, -0.14), (1, -0.7), (1, 0.7), (0, 0.14), (-1, 0.7)),)),
    "wedge": Shape((points((-1, 0.45), (1, 0.45), (1, -0.45)),), (0.7, 1.1)),
    "frame": Shape((box(0.95, 0.8), box(0.65, 0.5))),
    "zigzag": Shape(_zigzag()),
    "dumbbell": Shape(_dumbbell()),
    "spiral": Shape(_spiral(), (0.9, 1.0)),
    "leaf": Shape(_leaf(), (0.8, 1.2)),
    "flower": Shape(_flower(), (0.9, 1.0)),
    "pouch": Shape(_pouch(), (0.85, 1.2)),
    "fan": Shape(_fan(), (0.8, 1.1)),
    "jigsaw": Shape(_jigsaw(), (0.9, 1.0)),
    "comb": Shape(_comb()),
    "ladder": Shape(_ladder()),
    "chevron": Shape((points((-1, -0.1), (0, -0.9), (1, -0.1), (1, 0.6), (0, -0.2), (-1, 0.6)),)),
}


def blot(rng: np.random.Generator) -> tuple[Contour, ...]:
    """Draws a blob with a smooth random rim."""
    angle = np.arange(36) * 2 * pi / 36
    radius = np.full(36, 0.72)
    for wave in range(2, 6):
        radius += 0.3 / wave * rng.uniform(0.2, 1) * np.cos(wave * angle + rng.uniform(0, 2 * pi))
    return (polar(radius / radius.max()),)


def speck(rng: np.random.Generator) -> tuple[Contour, ...]:
    """Draws a compact crumb with corners."""
    return (polar(rng.uniform(0.65, 1.0, 9)),)


def streak(rng: np.random.Generator) -> tuple[Contour, ...]:
    """Draws a thin, slightly bent line that tapers at its ends."""
    x = np.linspace(-1, 1, 14)
    y = rng.uniform(-0.3, 0.3) * (x**2 - 0.4) + rng.uniform(-0.06, 0.06) * np.sin(4 * x)
    return (ribbon(x, y, rng.uniform(0.09, 0.16) * np.sqrt(1.02 - np.abs(x) ** 3)),)


def crack(rng: np.random.Generator) -> tuple[Contour, ...]:
    """Draws a thin line with sudden turns."""
    x = np.linspace(-1, 1, 8)
    y = rng.uniform(-0.32, 0.32, 8)
    return (ribbon(x, y, np.concatenate([[0.03], rng.uniform(0.08, 0.15, 6), [0.03]])),)


#: Small marks by name; each draws a new random outline.
MARKS: dict[str, Callable[[np.random.Generator], tuple[Contour, ...]]] = {
    "blot": blot,
    "speck": speck,
    "streak": streak,
    "crack": crack,
}


def coverage(contours: tuple[Contour, ...], image_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Returns `fill_contours` as float32 [H, W] in 0..1."""
    return fill_contours(contours, image_hw).astype(np.float32) * np.float32(1 / 255)


def fill_contours(contours: tuple[Contour, ...], image_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Returns the coverage 0..255, uint8 [H, W], of contours in pixels (even-odd, anti-aliased, 1/16 pixel)."""
    canvas = np.zeros(image_hw, np.uint8)
    cv2.fillPoly(canvas, [np.round(c * 16).astype(np.int32) for c in contours], 255, cv2.LINE_AA, 4)
    return canvas
