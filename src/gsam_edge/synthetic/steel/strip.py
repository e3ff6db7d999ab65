"""The surface of a rolled strip as a line camera sees it, without its defects."""

from math import pi

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.steel.config import SteelWorldConfig
from gsam_edge.synthetic.texture import Field, bell, fractal_noise, sine

#: Lengths of the streaks that the rolls leave (pixels), and the contrast of each.
_STREAKS = ((10, 0.016), (45, 0.02), (180, 0.024))


def draw_strip(rng: np.random.Generator, config: SteelWorldConfig) -> tuple[Field, NDArray[np.bool_]]:
    """Draws a strip, rolled from left to right.

    Returns:
        Brightness, float32 [H, W], about 0.2 to 0.7, and where the image shows steel, bool [H, W].
    """
    hw = config.image_height, config.image_width
    strip = np.full(hw, np.float32(rng.uniform(0.27, 0.5)))
    strip += np.float32(rng.uniform(0.03, 0.14)) * (_profile(rng, hw[0], 4)[:, None] - np.float32(0.5))
    strip += np.float32(rng.uniform(0.03, 0.16)) * (_profile(rng, hw[1], 5)[None, :] - np.float32(0.5))
    rough = np.float32(rng.uniform(0.6, 1.6))
    for length, contrast in _STREAKS:
        strip += rough * np.float32(contrast) * _streaks(rng, hw, length)
    strip += rough * np.float32(0.03) * (fractal_noise(rng, hw, (6, 18, 54)) - np.float32(0.5))
    if rng.random() < config.look_alikes:
        _LOOK_ALIKES[rng.integers(len(_LOOK_ALIKES))](rng, strip)
    return strip, _end_of_strip(rng, strip) if rng.random() < config.edge_share else np.ones(hw, np.bool_)


def _profile(rng: np.random.Generator, length: int, bumps: int) -> Field:
    """Returns a smooth curve of values 0..1, float32 [length]."""
    coarse = rng.random((1, bumps + 1), dtype=np.float32)
    return np.clip(cv2.resize(coarse, (length, 1), interpolation=cv2.INTER_CUBIC)[0], 0, 1)


def _streaks(rng: np.random.Generator, hw: tuple[int, int], length: int) -> Field:
    """Returns noise that is drawn out along the strip, of standard deviation about 1, float32 [H, W]."""
    coarse = rng.standard_normal((hw[0], hw[1] // length + 2), dtype=np.float32)
    return cv2.resize(coarse, (hw[1], hw[0]), interpolation=cv2.INTER_LINEAR)


def _end_of_strip(rng: np.random.Generator, strip: Field) -> NDArray[np.bool_]:
    """Blackens what lies beyond the strip's end, which is cut a little askew."""
    height, width = strip.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    end = (
        width * rng.uniform(0.08, 0.35)
        + (y - height / 2) * rng.normal(0, 0.06)
        + 1.2 * _profile(rng, height, 9)[:, None]
    )
    steel = x > end.astype(np.float32)
    if rng.random() < 0.5:
        steel = steel[:, ::-1]
    strip[~steel] = np.float32(rng.uniform(0.01, 0.04))
    return np.ascontiguousarray(steel)


def _dust(rng: np.random.Generator, strip: Field) -> None:
    """Lays single grains on the strip, far from each other: pits come in swarms."""
    height, width = strip.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(rng.integers(1, 5)):
        at_x, at_y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.7, 1.6)
        strip += np.float32(rng.uniform(-0.2, 0.12)) * bell(np.hypot(x - at_x, y - at_y) / np.float32(radius))


def _stain(rng: np.random.Generator, strip: Field) -> None:
    """Leaves a dried drop: smooth, where a patch is rough."""
    height, width = strip.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(rng.integers(1, 4)):
        at_x, at_y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(5, 22)
        away = np.hypot((x - at_x) / rng.uniform(1.0, 2.2), y - at_y) / np.float32(radius)
        rim = bell((away - np.float32(1)) * np.float32(5))
        strip += np.float32(rng.uniform(-0.07, 0.06)) * (bell(away) + np.float32(0.5) * rim).astype(np.float32)


def _roll_marks(rng: np.random.Generator, strip: Field) -> None:
    """Repeats a faint mark at the distance of a roll's turn, across the whole strip."""
    period, phase = rng.uniform(35, 110), rng.uniform(0, 2 * pi)
    along = np.arange(strip.shape[1], dtype=np.float32)
    wave = np.clip(sine(along * np.float32(2 * pi / period) + np.float32(phase)) - np.float32(0.8), 0, 1)
    strip += np.float32(rng.uniform(-0.25, 0.2)) * wave[None, :]


_LOOK_ALIKES = (_dust, _stain, _roll_marks)
