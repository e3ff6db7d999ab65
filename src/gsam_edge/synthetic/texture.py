"""Patterns and lighting for both worlds: functions of a random generator that return float32 arrays."""

from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

#: float32 [H, W].
Field = NDArray[np.float32]


def sine(angle: Field) -> Field:
    """Returns the sine of radians, float32 rounded from double precision: the same bits on every CPU."""
    return np.sin(angle, dtype=np.float64).astype(np.float32)


def bell(distance: Field) -> Field:
    """Returns exp(-x^2), 1 at 0, float32 rounded from double precision as in `sine`."""
    return np.exp(-np.square(distance, dtype=np.float64)).astype(np.float32)


def rotated_grid(hw: tuple[int, int], centre_xy: tuple[float, float], angle: float) -> tuple[Field, Field]:
    """Returns coordinates (u, v), float32 [H, W] each, pixels, of axes rotated by `angle` (radians) around a centre."""
    y, x = (np.arange(n, dtype=np.float32) - np.float32(c) for n, c in zip(hw, reversed(centre_xy), strict=True))
    c, s = np.float32(cos(angle)), np.float32(sin(angle))
    return x[None, :] * c + y[:, None] * s, y[:, None] * c - x[None, :] * s


def value_noise(rng: np.random.Generator, hw: tuple[int, int], cells: int) -> Field:
    """Draws smooth noise 0..1 of about `cells` bumps along each side: coarse random values, interpolated."""
    coarse = rng.random((cells + 1, cells + 1), dtype=np.float32)
    return np.clip(cv2.resize(coarse, (hw[1], hw[0]), interpolation=cv2.INTER_CUBIC), 0, 1)


def fractal_noise(rng: np.random.Generator, hw: tuple[int, int], cells: tuple[int, ...]) -> Field:
    """Draws value noise of several cell counts, each with half the weight of the one before, scaled to 0..1."""
    total = np.zeros(hw, np.float32)
    weight = 1.0
    for count in cells:
        total += np.float32(weight) * value_noise(rng, hw, count)
        weight /= 2
    return total / np.float32(2 * (1 - 0.5 ** len(cells)))


def _wave(position: Field, period: float, sharpness: float = 3.0) -> Field:
    return np.clip(0.5 + sharpness * np.sin(position * np.float32(2 * pi / period)), 0, 1)


def pattern(rng: np.random.Generator, name: str, u: Field, v: Field, period: float) -> Field:
    """Returns the share of the second tone in each pixel, float32 [H, W] in 0..1.

    Args:
        rng: random generator.
        name: one of PATTERNS.
        u: coordinates along the pattern, pixels.
        v: coordinates across it, pixels.
        period: size of the repeated piece in pixels.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in _DRAW:
        raise ValueError(f"pattern: expected one of {PATTERNS}, got {name!r}")
    return _DRAW[name](rng, u, v, period)


def _plain(rng: np.random.Generator, u: Field, v: Field, period: float) -> Field:
    return np.zeros_like(u)


def _striped(rng: np.random.Generator, u: Field, v: Field, period: float) -> Field:
    return _wave(u, period)


def _dotted(rng: np.random.Generator, u: Field, v: Field, period: float) -> Field:
    k = np.float32(2 * pi / period)
    return np.clip((np.cos(u * k) + np.cos(v * k) - 0.5) * 2, 0, 1)


def _checked(rng: np.random.Generator, u: Field, v: Field, period: float) -> Field:
    k = np.float32(pi / period)
    return np.clip(0.5 + 4 * np.sin(u * k) * np.sin(v * k), 0, 1)


def _grainy(rng: np.random.Generator, u: Field, v: Field, period: float) -> Field:
    height, width = u.shape
    grain = rng.random((height // 2 + 1, width // 2 + 1), dtype=np.float32)
    return cv2.resize((grain > 0.6).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def _faded(rng: np.random.Generator, u: Field, v: Field, period: float) -> Field:
    return np.clip((u - u.min()) / max(float(u.max() - u.min()), 1.0), 0, 1)


def _lined(rng: np.random.Generator, u: Field, v: Field, period: float) -> Field:
    """Returns rows of dashes of unequal length."""
    row = np.floor(v / np.float32(period)).astype(np.int32)
    piece = np.floor(u / np.float32(period * 0.8)).astype(np.int32)
    inked = (rng.random(251) > 0.3)[(row * 37 + piece) % 251]
    return inked * (_wave(v, period) > 0.5).astype(np.float32)


_DRAW = {
    "plain": _plain,
    "striped": _striped,
    "dotted": _dotted,
    "checked": _checked,
    "grainy": _grainy,
    "faded": _faded,
    "lined": _lined,
}

#: Textures that `pattern` draws.
PATTERNS = tuple(_DRAW)


def uneven_light(rng: np.random.Generator, hw: tuple[int, int], strength: float) -> Field:
    """Returns a factor around 1, float32 [H, W]: a slope, a hotspot and darker corners, each up to `strength`."""
    y, x = np.mgrid[-1:1:13j, -1:1:13j]
    angle = rng.uniform(0, 2 * pi)
    slope = rng.uniform(0, strength) * (cos(angle) * x + sin(angle) * y)
    spot_x, spot_y, width = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.4, 1.0)
    spot = rng.uniform(0, strength) * np.exp(-((x - spot_x) ** 2 + (y - spot_y) ** 2) / (2 * width**2))
    corners = rng.uniform(0, strength) * (x**2 + y**2) / 2
    factor = (1 + slope + spot - corners).astype(np.float32)
    return np.maximum(cv2.resize(factor, (hw[1], hw[0]), interpolation=cv2.INTER_LINEAR), 0.15)


def sensor(rng: np.random.Generator, image: NDArray[np.float32], noise: float) -> NDArray[np.uint8]:
    """Adds the sensor's brightness noise (std `noise`) to an image 0..1, float32 [H, W, 3]; returns uint8 [H, W, 3]."""
    grain = rng.standard_normal(image.shape[:2], dtype=np.float32) * np.float32(noise)
    return (np.clip(image + grain[..., None], 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)


def woven(rng: np.random.Generator, u: Field, v: Field, pitch: float) -> Field:
    """Returns the relative brightness, around 0, mostly within 0.2, of a plain weave, threads `pitch` pixels apart."""
    warp = np.floor(u / np.float32(pitch)).astype(np.int32)
    weft = np.floor(v / np.float32(pitch)).astype(np.int32)
    threads = rng.normal(0, 0.045, (2, 509)).astype(np.float32)
    over = np.float32(0.07) * sine(u * np.float32(pi / pitch)) * sine(v * np.float32(pi / pitch))
    return threads[0][warp % 509] + threads[1][weft % 509] + over
