"""Defects of rolled steel. Each function changes the strip in place and returns the pixels that it changed."""

from collections.abc import Callable, Mapping
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.texture import Field, bell, fractal_noise

#: What a pixel must have been changed by to belong to the defect, share of its strongest change.
_SEEN = 0.35

Mask = NDArray[np.bool_]


def draw_pits(rng: np.random.Generator, strip: Field) -> Mask:
    """Draws a swarm of small holes, each with light on one of its edges."""
    height, width = strip.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    centre = rng.uniform(0.1, 0.9) * width, rng.uniform(0.2, 0.8) * height
    spread = rng.uniform(6, 22), rng.uniform(4, 10)
    holes = np.zeros(strip.shape, np.float32)
    lit = np.zeros(strip.shape, np.float32)
    for _ in range(rng.integers(6, 24)):
        at_x, at_y = rng.normal(centre, spread)
        radius = np.float32(rng.uniform(0.9, 2.1))
        np.maximum(holes, bell(np.hypot(x - np.float32(at_x), y - np.float32(at_y)) / radius), out=holes)
        np.maximum(lit, bell(np.hypot(x - np.float32(at_x + 1), y - np.float32(at_y + 1.4)) / radius), out=lit)
    depth = np.float32(rng.uniform(0.13, 0.26))
    strip += np.float32(0.35) * depth * np.clip(lit - holes, 0, 1) - depth * holes
    return holes > _SEEN


def draw_inclusion(rng: np.random.Generator, strip: Field) -> Mask:
    """Draws slag that was rolled in: dark slivers along the strip, side by side."""
    height, width = strip.shape
    at_x, at_y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.15, 0.85) * height
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dark = np.zeros(strip.shape, np.float32)
    for _ in range(rng.integers(1, 4)):
        length, thickness = rng.uniform(9, 34), rng.uniform(0.9, 2.4)
        off_x, off_y = at_x + rng.normal(0, 7), at_y + rng.normal(0, 3.5)
        wavering = rng.normal(0, 0.8) * np.sin((x - off_x) / np.float32(rng.uniform(6, 14)))
        across = np.abs(y - np.float32(off_y) - wavering.astype(np.float32)) / np.float32(thickness)
        along = np.abs(x - np.float32(off_x)) / np.float32(length / 2)
        np.maximum(dark, bell(across) * bell(along**2), out=dark)
    ragged = np.float32(0.6) + np.float32(0.4) * fractal_noise(rng, strip.shape, (24, 70))
    strip -= np.float32(rng.uniform(0.12, 0.24)) * dark * ragged
    return dark > _SEEN


def draw_scratch(rng: np.random.Generator, strip: Field) -> Mask:
    """Draws one to four thin lines, bright or dark, mostly steep: what lies along the strip is the rolls' work."""
    height, width = strip.shape
    lines = np.zeros(strip.shape, np.float32)
    angle, at = rng.normal(pi / 2, 0.35), np.array([rng.uniform(0.08, 0.92) * width, rng.uniform(0.3, 0.7) * height])
    for _ in range(rng.integers(1, 5)):
        length, turned = rng.uniform(18, 1.2 * height), angle + rng.normal(0, 0.06)
        along = np.array([cos(turned), sin(turned)])
        start = at + rng.normal(0, (9, 6)) - along * length / 2
        steps = np.linspace(0, 1, 12)[:, None]
        bend = rng.normal(0, 2.2) * np.sin(pi * steps) * np.array([-along[1], along[0]])
        points = ((start + steps * length * along + bend) * 16).astype(np.int32)
        drawn = np.zeros(strip.shape, np.uint8)
        cv2.polylines(drawn, [points[:, None]], False, 255, int(rng.integers(1, 3)), cv2.LINE_AA, 4)
        np.maximum(lines, drawn.astype(np.float32) / 255, out=lines)
    fading = np.float32(0.55) + np.float32(0.45) * fractal_noise(rng, strip.shape, (5, 17))
    sign = 1 if rng.random() < 0.65 else -1
    strip += np.float32(sign * rng.uniform(0.1, 0.26)) * lines * fading
    return lines > _SEEN


def draw_patch(rng: np.random.Generator, strip: Field) -> Mask:
    """Draws scale that was torn off: a large area of ragged outline, rough and of another brightness."""
    height, width = strip.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    at_x, at_y = rng.uniform(0.12, 0.88) * width, rng.uniform(0.25, 0.75) * height
    half = rng.uniform(14, 46), rng.uniform(8, 22)
    away = np.hypot((x - np.float32(at_x)) / np.float32(half[0]), (y - np.float32(at_y)) / np.float32(half[1]))
    outline = away + np.float32(0.9) * (fractal_noise(rng, strip.shape, (9, 27, 70)) - np.float32(0.5))
    inside = np.clip((np.float32(1) - outline) * np.float32(5), 0, 1).astype(np.float32)
    rough = np.float32(rng.uniform(0.16, 0.32)) * (fractal_noise(rng, strip.shape, (40, 90)) - np.float32(0.5))
    strip += inside * (np.float32(rng.choice([-1, 1]) * rng.uniform(0.06, 0.15)) + rough)
    return inside > 0.5


#: By class name.
FLAWS: Mapping[str, Callable[[np.random.Generator, Field], Mask]] = {
    "pits": draw_pits,
    "inclusion": draw_inclusion,
    "scratch": draw_scratch,
    "patch": draw_patch,
}
