"""Drawings of marks, which lie on whatever is beneath them; none of them is a drawing of the sample."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gsam_edge.synthetic.shapes import blot, box, points, polygon, ribbon, speck
from gsam_edge.synthetic.workshop.drawing import Drawing, dashes


@dataclass(frozen=True)
class Flaw:
    """A kind of mark on whatever lies beneath.

    Attributes:
        draw: draws the outline, which is its mask, and strokes in it.
        body: how much the inside of the outline is toned, 0..1; the strokes are toned fully.
        edge: how its inside is painted: evenly, softly like a liquid, fading along, as a relief, or in grains.
        is_long: whether it has a direction that a phrase can tell.
    """

    draw: Callable[[np.random.Generator], Drawing]
    body: float = 1.0
    edge: str = "even"
    is_long: bool = False


def _stain(rng: np.random.Generator) -> Drawing:
    return Drawing((blot(rng)[0] * np.array([1, rng.uniform(0.6, 1)], np.float32),))


def _smear(rng: np.random.Generator) -> Drawing:
    x = np.linspace(-1, 1, 20)
    y = rng.uniform(-0.15, 0.15) * x**2
    return Drawing((ribbon(x, y, rng.uniform(0.22, 0.32) * (1 + rng.uniform(-0.12, 0.12, 20))),))


def _chip(rng: np.random.Generator) -> Drawing:
    rim = speck(rng)[0]
    return Drawing((rim,), (((rim * np.float32(0.62) + np.float32(0.08),), -0.6),))


def _dent(rng: np.random.Generator) -> Drawing:
    return Drawing((polygon(36) * np.array([1, rng.uniform(0.65, 1)], np.float32),))


def _crease(rng: np.random.Generator) -> Drawing:
    x = np.linspace(-1, 1, 20)
    return Drawing((ribbon(x, rng.uniform(-0.2, 0.2) * (x**2 - 0.4), 0.11 * np.sqrt(1.05 - x**2)),))


def _seam(rng: np.random.Generator) -> Drawing:
    return Drawing((box(1, 0.06),), ((dashes((-0.98, 0), (0.98, 0), int(rng.integers(7, 11)), 0.07), -1.0),))


def _scratch(rng: np.random.Generator) -> Drawing:
    rows = np.linspace(-0.2, 0.2, int(rng.integers(3, 6)))
    ends = [(rng.uniform(-1, -0.7), rng.uniform(0.7, 1)) for _ in rows]
    strokes = tuple(
        ribbon(np.linspace(a, b, 8), y + rng.normal(0, 0.012, 8), 0.03) for y, (a, b) in zip(rows, ends, strict=True)
    )
    left = [(a, y) for y, (a, _) in zip(rows, ends, strict=True)]
    right = [(b, y) for y, (_, b) in zip(rows, ends, strict=True)]
    outline = points(
        (left[0][0], -0.24), (right[0][0], -0.24), *right, (right[-1][0], 0.24), (left[-1][0], 0.24), *left[::-1]
    )
    return Drawing((outline,), ((strokes, -1.0),))


def _streak(rng: np.random.Generator) -> Drawing:
    x = np.linspace(-1, 1, 14)
    return Drawing((ribbon(x, rng.uniform(-0.25, 0.25) * (x**2 - 0.4), 0.13 * np.sqrt(1.02 - np.abs(x) ** 3)),))


def _crack(rng: np.random.Generator) -> Drawing:
    """Draws a thin line with sudden, unequal turns and, often, a branch."""
    x = np.sort(np.concatenate([[-1, 1], rng.uniform(-0.95, 0.95, 7)]))
    y = np.cumsum(rng.choice([-1, 1], 9) * rng.uniform(0.02, 0.16, 9))
    y -= y.mean()
    width = rng.uniform(0.045, 0.07) * np.concatenate([[0.4], rng.uniform(0.7, 1.2, 7), [0.4]])
    return Drawing((ribbon(x, y, width),))


#: Marks by name; a phrase tells whether a toned one is dark or pale.
FLAWS: dict[str, Flaw] = {
    "stain": Flaw(_stain, 0.55, "soft"),
    "smear": Flaw(_smear, 0.7, "fading", is_long=True),
    "rust": Flaw(lambda rng: Drawing(blot(rng)), 0.9, "grains"),
    "chip": Flaw(_chip, 0.5),
    "dent": Flaw(_dent, 0.0, "relief"),
    "crease": Flaw(_crease, 0.0, "relief", is_long=True),
    "seam": Flaw(_seam, 0.25, is_long=True),
    "scratch": Flaw(_scratch, 0.15, is_long=True),
    "streak": Flaw(_streak, is_long=True),
    "crack": Flaw(_crack, is_long=True),
    "speck": Flaw(lambda rng: Drawing(speck(rng))),
}

#: Marks that look the same on every ground and so have no tone in a phrase.
TONELESS = ("rust", "dent", "crease")
