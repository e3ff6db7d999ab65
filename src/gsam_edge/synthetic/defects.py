"""Defects of a bag's surface: tear, hole, stain and scratch."""

from collections.abc import Callable
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.bag import Surface, slope_of
from gsam_edge.synthetic.belt import blend
from gsam_edge.synthetic.shapes import Contour, blot, coverage
from gsam_edge.synthetic.texture import Field, fractal_noise, value_noise

#: Draws a defect into a surface around (x, y) and returns its mask bool [H, W]; lengths scale with `unit`.
Draw = Callable[[np.random.Generator, Surface, tuple[float, float], float], NDArray[np.bool_]]

#: Reflectance (RGB) that shows through an opening: the dark inside, or grain.
_INSIDES = ((0.03, 0.03, 0.03), (0.07, 0.05, 0.04), (0.18, 0.12, 0.06), (0.3, 0.2, 0.09))


def _turned(points: NDArray[np.floating], angle: float, at_xy: tuple[float, float]) -> Contour:
    c, s = cos(angle), sin(angle)
    return (points @ np.array([[c, s], [-s, c]]) + np.array(at_xy)).astype(np.float32)


def _open(rng: np.random.Generator, surface: Surface, opening: Field, unit: float) -> NDArray[np.bool_]:
    """Cuts an opening with a frayed, lighter rim; the mask includes both."""
    rim = cv2.dilate(opening, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    frayed = np.float32(0.55) + np.float32(0.45) * value_noise(rng, opening.shape, 110)
    pale = np.clip(surface.albedo * 1.25 + 0.15, 0, 1)
    blend(surface.albedo, rim * frayed, pale)
    surface.slope += np.float32(0.8) * slope_of(cv2.GaussianBlur(rim, (0, 0), 1.3) * np.float32(4 * unit))
    inside = np.array(_INSIDES[rng.integers(len(_INSIDES))], np.float32)
    depth = np.float32(0.7) + np.float32(0.6) * value_noise(rng, opening.shape, 60)
    blend(surface.albedo, opening, inside * depth[..., None])
    surface.slope *= 1 - opening
    surface.gloss *= 1 - rim
    return rim > 0.5


def tear(rng: np.random.Generator, surface: Surface, at_xy: tuple[float, float], unit: float) -> NDArray[np.bool_]:
    """Draws a rip: long, narrow, ragged."""
    length, width = rng.uniform(30, 60) * unit, rng.uniform(6, 12) * unit
    x = np.linspace(-0.5, 0.5, 14)
    gape = np.sqrt(np.clip(1 - 4 * x**2, 0.01, 1)) * width / 2
    bend = rng.normal(0, 0.15) * length * (x**2 - 0.1)
    sides = [np.stack([x * length, bend + sign * gape * rng.uniform(0.55, 1.2, 14)], 1) for sign in (-1, 1)]
    outline = _turned(np.concatenate([sides[0], sides[1][::-1]]), rng.uniform(0, pi), at_xy)
    return _open(rng, surface, coverage((outline,), surface.cover.shape), unit)


def hole(rng: np.random.Generator, surface: Surface, at_xy: tuple[float, float], unit: float) -> NDArray[np.bool_]:
    """Draws a puncture: compact, ragged."""
    outline = _turned(blot(rng)[0] * rng.uniform(8, 15) * unit, 0.0, at_xy)
    return _open(rng, surface, coverage((outline,), surface.cover.shape), unit)


def stain(rng: np.random.Generator, surface: Surface, at_xy: tuple[float, float], unit: float) -> NDArray[np.bool_]:
    """Draws a stain of oil, rust or mud: darker at its edge, with the weave showing through."""
    points = blot(rng)[0] * rng.uniform(14, 27) * unit * np.array([1, rng.uniform(0.55, 1)])
    outline = _turned(points, rng.uniform(0, pi), at_xy)
    core = coverage((outline,), surface.cover.shape)
    mask = core > 0.5
    soft = cv2.GaussianBlur(core, (0, 0), 1.0)
    inner = cv2.GaussianBlur(core, (0, 0), 4.0 * unit)
    uneven = np.float32(0.75) + np.float32(0.25) * fractal_noise(rng, core.shape, (20, 60))
    tint = np.array(((0.42, 0.3, 0.2), (0.25, 0.24, 0.24), (0.5, 0.28, 0.14))[rng.integers(3)], np.float32)
    weight = soft * uneven * (np.float32(1.15) - np.float32(0.3) * inner) * np.float32(rng.uniform(0.65, 0.95))
    blend(surface.albedo, np.clip(weight, 0, 1), surface.albedo * tint)
    return mask


def scratch(rng: np.random.Generator, surface: Surface, at_xy: tuple[float, float], unit: float) -> NDArray[np.bool_]:
    """Draws an abrasion: a bundle of parallel strokes that roughen the surface; the mask is the bundle."""
    hw, turn = surface.cover.shape, rng.uniform(0, pi)
    strokes = np.zeros(hw, np.uint8)
    spread = rng.uniform(5, 10) * unit
    for offset in np.linspace(-spread, spread, int(rng.integers(4, 7))):
        half = rng.uniform(15, 28) * unit
        x = np.linspace(-half, half, 9) + rng.normal(0, 3) * unit
        y = offset + rng.normal(0, 0.8, 9) * unit
        line = _turned(np.stack([x, y], 1), turn, at_xy)
        thickness = int(rng.integers(1, 3))
        cv2.polylines(strokes, [np.round(line * 16).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, 4)
    size = 2 * round(0.6 * spread) + 3
    bundle = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    bright = float(surface.albedo[bundle > 127].mean()) < 0.5 if np.any(bundle > 127) else True
    tone = (0.9, 0.9, 0.88) if bright else (0.12, 0.11, 0.1)
    blend(surface.albedo, bundle.astype(np.float32) * np.float32(0.3 / 255), tone)
    blend(surface.albedo, strokes.astype(np.float32) * np.float32(rng.uniform(0.5, 0.85) / 255), tone)
    return bundle > 127


#: Every kind of defect.
DEFECTS: tuple[Draw, ...] = (tear, hole, stain, scratch)
