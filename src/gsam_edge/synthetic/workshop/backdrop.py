"""What the workshop's objects lie on and hide behind, without a name: a ground, filled things, rollers."""

from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.ground import draw_background
from gsam_edge.synthetic.shapes import fill_contours
from gsam_edge.synthetic.texture import fractal_noise, rotated_grid, value_noise, woven

Image = NDArray[np.float32]


def draw_backdrop(rng: np.random.Generator, side: int, cushions: int) -> Image:
    """Draws a ground with some soft things on it, each too large to be one of the objects: float32 [side, side, 3]."""
    image = draw_background(rng, (side, side))
    if rng.random() < 0.3:
        u, v = rotated_grid((side, side), (0.0, 0.0), rng.uniform(0, pi))
        image = image * (1 + woven(rng, u, v, rng.uniform(2.6, 5.0)))[..., None]
    for _ in range(cushions):
        _cushion(rng, image)
    return np.clip(image, 0.01, 1).astype(np.float32)


def _cushion(rng: np.random.Generator, image: Image) -> None:
    """Draws a filled thing with a wavy rim, wrinkles and its own cloth, in place; it may leave the image."""
    side = len(image)
    t = np.arange(90) * 2 * pi / 90
    power = 2 / rng.uniform(2.2, 6)
    reach = rng.uniform(0.28, 0.6, 2) * side
    wave = 1 + np.sum([rng.uniform(0, 0.03) * np.cos(k * t + rng.uniform(0, 2 * pi)) for k in (2, 3, 5, 8)], axis=0)
    circle = np.stack([np.cos(t), np.sin(t)], 1)
    rim = np.sign(circle) * np.abs(circle) ** power * reach * wave[:, None]
    angle = rng.uniform(0, pi)
    c, s = cos(angle), sin(angle)
    centre = rng.uniform(0.15, 0.85, 2) * side
    outline = (rim @ np.array([[c, s], [-s, c]]) + centre).astype(np.float32)
    cover = fill_contours((outline,), (side, side)).astype(np.float32) * np.float32(1 / 255)
    u, v = rotated_grid((side, side), (float(centre[0]), float(centre[1])), angle)
    hue, saturation, value = rng.uniform(0, 180), rng.uniform(0, 0.55), rng.uniform(0.2, 0.85)
    tint = cv2.cvtColor(np.array([[[hue * 2, saturation, value]]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]
    tone = 0.15 * (fractal_noise(rng, (side, side), (5, 13, 34)) - 0.5)
    if rng.random() < 0.5:
        tone = tone + woven(rng, u, v, rng.uniform(2.6, 5.0))
    lamp = rng.uniform(0, 2 * pi)
    height = cv2.GaussianBlur(cover, (0, 0), 0.05 * side) * np.float32(0.5 * side)
    height += fractal_noise(rng, (side, side), (4, 9, 17)) * np.float32(rng.uniform(0.05, 0.16) * side)
    dy, dx = np.gradient(height)
    lit = np.clip(1 - np.float32(0.35) * (dx * np.float32(cos(lamp)) + dy * np.float32(sin(lamp))), 0.45, 1.5)
    shadow = cv2.GaussianBlur(cover, (0, 0), 0.02 * side)
    image *= (1 - np.float32(0.45) * shadow * (1 - cover))[..., None]
    image += cover[..., None] * (tint * (lit * (1 + tone))[..., None] - image)


def roller(rng: np.random.Generator, side: int) -> tuple[NDArray[np.float32], Image]:
    """Draws a metal roller that crosses the whole image before the camera.

    Returns:
        Its coverage float32 [side, side] in 0..1 and its colours float32 [side, side, 3].
    """
    direction, off = rng.uniform(0, pi), rng.uniform(-0.42, 0.42) * side
    centre = (side / 2 - sin(direction) * off, side / 2 + cos(direction) * off)
    u, v = rotated_grid((side, side), centre, direction)
    width = rng.uniform(0.05, 0.12) * side
    cover = np.clip(np.float32(width / 2 + 0.5) - np.abs(v), 0, 1)
    across = np.clip(v / np.float32(width / 2), -1, 1)
    tone = 0.2 + 0.5 * np.sqrt(1 - across**2) + 0.45 * np.exp(-(((across + 0.35) / 0.16) ** 2))
    tone = tone * (0.85 + 0.3 * value_noise(rng, (1, 2 * side), 40)[0][np.abs(u).astype(np.int32) % (2 * side)])
    steel = np.array((0.62, 0.64, 0.68), np.float32)
    return cover.astype(np.float32), np.clip(tone[..., None] * steel, 0, 1).astype(np.float32)
