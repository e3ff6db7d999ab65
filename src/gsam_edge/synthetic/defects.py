"""Defects of a bag's surface: spots that are torn or oily, in the same outlines and sizes."""

from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.bag import Surface, slope_of
from gsam_edge.synthetic.belt import blend
from gsam_edge.synthetic.shapes import Contour, blot, coverage
from gsam_edge.synthetic.texture import Field, fractal_noise, value_noise

#: Reflectance (RGB) that shows through an opening: the dark inside, or grain.
_INSIDES = ((0.03, 0.03, 0.03), (0.07, 0.05, 0.04), (0.12, 0.08, 0.05), (0.18, 0.12, 0.06))

#: What oil leaves of a bag's reflectance (RGB).
_OILS = ((0.26, 0.2, 0.14), (0.16, 0.15, 0.15), (0.3, 0.18, 0.1))


def draw_spot(
    rng: np.random.Generator, surface: Surface, at_xy: tuple[float, float], length: float, *, torn: bool
) -> NDArray[np.bool_]:
    """Draws a compact or a long, ragged spot around a place of a surface and returns its mask bool [H, W].

    Args:
        rng: random generator.
        surface: changed in place.
        at_xy: centre, pixels.
        length: its longer side, pixels.
        torn: cut through the cloth, with a frayed, lighter rim, which belongs to the mask; otherwise soaked with oil,
            the weave still showing. Nothing else tells the two apart.
    """
    draw_outline = _slit if rng.random() < 0.4 else _patch
    outline = _turned(draw_outline(rng, length), rng.uniform(0, pi), at_xy)
    core = coverage((outline,), surface.cover.shape)
    return _tear(rng, surface, core) if torn else _soak(rng, surface, core)


def _turned(points: NDArray[np.floating], angle: float, at_xy: tuple[float, float]) -> Contour:
    c, s = cos(angle), sin(angle)
    return (points @ np.array([[c, s], [-s, c]]) + np.array(at_xy)).astype(np.float32)


def _slit(rng: np.random.Generator, length: float) -> NDArray[np.floating]:
    """Returns a long, ragged outline around (0, 0), float [28, 2], pixels."""
    width = (0.2 + rng.uniform(0, 0.12)) * length + 2
    x = np.linspace(-0.5, 0.5, 14)
    gape = np.sqrt(np.clip(1 - 4 * x**2, 0.01, 1)) * width / 2
    bend = rng.normal(0, 0.15) * length * (x**2 - 0.1)
    sides = [np.stack([x * length, bend + sign * gape * rng.uniform(0.55, 1.2, 14)], 1) for sign in (-1, 1)]
    return np.concatenate([sides[0], sides[1][::-1]])


def _patch(rng: np.random.Generator, length: float) -> NDArray[np.floating]:
    """Returns a compact outline around (0, 0), float [36, 2], pixels."""
    return np.asarray(blot(rng)[0] * length / 2 * np.array([1, rng.uniform(0.6, 1)]))


def _tear(rng: np.random.Generator, surface: Surface, opening: Field) -> NDArray[np.bool_]:
    """Cuts an opening (coverage 0..1, [H, W]) with a frayed, lighter rim."""
    rim = cv2.dilate(opening, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    frayed = np.float32(0.55) + np.float32(0.45) * value_noise(rng, opening.shape, 110)
    pale = np.clip(surface.albedo * 1.25 + 0.15, 0, 1)
    blend(surface.albedo, rim * frayed, pale)
    surface.slope += np.float32(0.8) * slope_of(cv2.GaussianBlur(rim, (0, 0), 1.3) * np.float32(4))
    inside = np.array(_INSIDES[rng.integers(len(_INSIDES))], np.float32)
    depth = np.float32(0.7) + np.float32(0.6) * value_noise(rng, opening.shape, 60)
    blend(surface.albedo, opening, inside * depth[..., None])
    surface.slope *= 1 - opening
    surface.gloss *= 1 - rim
    return rim > 0.5


def _soak(rng: np.random.Generator, surface: Surface, core: Field) -> NDArray[np.bool_]:
    """Darkens the cloth (coverage 0..1, [H, W]) unevenly; its relief and its gloss stay."""
    soft = cv2.GaussianBlur(core, (0, 0), 1.0)
    uneven = np.float32(0.8) + np.float32(0.2) * fractal_noise(rng, core.shape, (20, 60))
    tint = np.array(_OILS[rng.integers(len(_OILS))], np.float32)
    blend(surface.albedo, soft * uneven * np.float32(rng.uniform(0.8, 1.0)), surface.albedo * tint)
    return core > 0.5
