"""Named colours and grounds, for the worlds of pretraining."""

from colorsys import hsv_to_rgb
from math import pi

import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.texture import fractal_noise, pattern, rotated_grid, value_noise

#: Lowest and highest hue, saturation and value (0..1; hues may pass 1) that a colour word covers.
COLOURS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((0.97, 1.01), (0.75, 1.0), (0.65, 0.95)),
    "orange": ((0.06, 0.09), (0.8, 1.0), (0.85, 1.0)),
    "yellow": ((0.14, 0.17), (0.7, 1.0), (0.85, 1.0)),
    "green": ((0.29, 0.4), (0.55, 1.0), (0.4, 0.8)),
    "cyan": ((0.48, 0.53), (0.55, 1.0), (0.7, 0.95)),
    "blue": ((0.59, 0.66), (0.65, 1.0), (0.5, 0.95)),
    "purple": ((0.74, 0.79), (0.5, 0.9), (0.4, 0.75)),
    "pink": ((0.88, 0.95), (0.3, 0.55), (0.9, 1.0)),
    "brown": ((0.05, 0.08), (0.55, 0.8), (0.28, 0.45)),
    "white": ((0.0, 1.0), (0.0, 0.06), (0.9, 1.0)),
    "grey": ((0.0, 1.0), (0.0, 0.08), (0.42, 0.6)),
    "black": ((0.0, 1.0), (0.0, 0.25), (0.02, 0.14)),
}

#: float32 [3], RGB 0..1.
Colour = NDArray[np.float32]


def draw_colour(rng: np.random.Generator, name: str) -> Colour:
    """Draws a shade (RGB 0..1) of a named colour."""
    return np.array(hsv_to_rgb(*(rng.uniform(*span) % 1.0001 for span in COLOURS[name])), np.float32)


def draw_background(rng: np.random.Generator, hw: tuple[int, int]) -> NDArray[np.float32]:
    """Draws a surface of two related tones, mixed by noise and, often, a faint regular texture."""
    hue, saturation, value = rng.random(), rng.uniform(0, 0.55) ** 1.5, rng.uniform(0.12, 0.95)
    near = np.array(hsv_to_rgb(hue, saturation, value), np.float32)
    far = np.clip(near + rng.uniform(-0.18, 0.18, 3) + rng.uniform(-0.12, 0.12), 0, 1).astype(np.float32)
    kind = rng.integers(4)
    if kind == 0:
        mix = fractal_noise(rng, hw, (3, 9, 31))
    elif kind == 1:
        mix = 0.7 * value_noise(rng, hw, 2) + 0.3 * value_noise(rng, hw, 70)
    else:
        u, v = rotated_grid(hw, (0.0, 0.0), rng.uniform(0, pi))
        name = ("striped", "checked", "dotted", "grainy", "lined")[rng.integers(5)]
        mix = 0.5 * pattern(rng, name, u, v, rng.uniform(3, 14)) + 0.5 * value_noise(rng, hw, 4)
        mix *= np.float32(rng.uniform(0.4, 1))
    return near + mix[..., None] * (far - near)
