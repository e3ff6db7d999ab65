"""The conveyor of the sample world: the belt, litter on it, and occluders in front of the camera."""

from collections.abc import Callable
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.line import Line
from gsam_edge.synthetic.shapes import blot, coverage, speck
from gsam_edge.synthetic.texture import Field, bell, fractal_noise, rotated_grid, sine, value_noise, woven

Image = NDArray[np.float32]


def blend(image: Image, weight: Field, paint: Image | tuple[float, ...]) -> None:
    """Mixes a paint (RGB, or an image) into an image float32 [H, W, 3], in place, by a weight 0..1 of [H, W]."""
    rows, columns = np.flatnonzero(weight.any(axis=1)), np.flatnonzero(weight.any(axis=0))
    if not len(rows):
        return
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colour = np.asarray(paint, np.float32)
    image[window] += weight[window][..., None] * ((colour if colour.ndim == 1 else colour[window]) - image[window])


def strip(u: Field, v: Field, length: float, width: float) -> Field:
    """Returns the coverage 0..1 of a centred strip, `length` long in u, `width` in v, with soft edges of one pixel."""
    along = np.clip(np.float32(length / 2 + 0.5) - np.abs(u), 0, 1)
    return along * np.clip(np.float32(width / 2 + 0.5) - np.abs(v), 0, 1)


def draw_belt(rng: np.random.Generator, side: int, angle: float, line: Line) -> Image:
    """Draws an empty belt, float32 [side, side, 3], running along `angle` (radians): surface, wear, dirt, seam."""
    u, v = rotated_grid((side, side), (side / 2, side / 2), angle)
    colour = np.array(line.belts[rng.integers(len(line.belts))], np.float32) * rng.uniform(0.8, 1.25)
    colour = np.clip(colour + rng.uniform(-0.02, 0.02, 3), 0.04, 1).astype(np.float32)
    relief = RELIEFS[line.reliefs[rng.integers(len(line.reliefs))]](rng, u, v)
    wear = fractal_noise(rng, (side, side), (3, 8, 21)) - 0.5
    tracks = value_noise(rng, (1, 4 * side), 24)[0][np.clip(v + 2 * side, 0, 4 * side - 1).astype(np.int32)] - 0.5
    tone = 1 + relief + rng.uniform(0.1, 0.35) * wear + rng.uniform(0.05, 0.3) * tracks
    image = colour * tone[..., None]
    _soil(rng, image, u, v)
    if rng.random() < 0.3:
        _seam(rng, image, u, v)
    return np.clip(image, 0.01, 1).astype(np.float32)


def _ribs(rng: np.random.Generator, u: Field, v: Field) -> Field:
    across = v if rng.random() < 0.5 else u
    wave = sine(across * np.float32(2 * pi / rng.uniform(5, 14)))
    return np.float32(rng.uniform(0.1, 0.22)) * np.sign(wave) * np.sqrt(np.abs(wave))


def _weave(rng: np.random.Generator, u: Field, v: Field) -> Field:
    return np.float32(rng.uniform(0.6, 1.1)) * woven(rng, u, v, rng.uniform(2.6, 4.5))


def _rubber(rng: np.random.Generator, u: Field, v: Field) -> Field:
    grain = value_noise(rng, u.shape, u.shape[0] // 2)
    return np.float32(rng.uniform(0.15, 0.35)) * (grain - np.float32(0.5))


def _nubs(rng: np.random.Generator, u: Field, v: Field) -> Field:
    k = np.float32(2 * pi / rng.uniform(7, 12))
    height = np.clip(sine(u * k) + sine((v + u * np.float32(0.5)) * k) - np.float32(0.7), 0, 1)
    return np.float32(rng.uniform(0.12, 0.25)) * height


#: Surfaces of belts by name: each draws its relative brightness around 0, float32 [H, W].
RELIEFS: dict[str, Callable[[np.random.Generator, Field, Field], Field]] = {
    "ribs": _ribs,
    "weave": _weave,
    "rubber": _rubber,
    "nubs": _nubs,
}


def _soil(rng: np.random.Generator, image: Image, u: Field, v: Field) -> None:
    """Draws dust and smears on the belt, stretched along its direction, without a clear outline."""
    side = len(image)
    dust = np.array((0.5, 0.46, 0.4) if rng.random() < 0.6 else (0.05, 0.04, 0.04), np.float32)
    coarse = fractal_noise(rng, (side, side), (5, 14, 40, 120))
    along = np.clip(u * np.float32(rng.uniform(0.15, 0.5)) + side / 2, 0, side - 1).astype(np.float32)
    across = np.clip(v / 2 + side / 2, 0, side - 1).astype(np.float32)
    cloud = cv2.remap(coarse, along, across, cv2.INTER_LINEAR) - np.float32(rng.uniform(0.46, 0.6))
    crumbs = np.float32(0.4) + np.float32(0.6) * value_noise(rng, (side, side), side // 3)
    blend(image, np.clip(cloud * rng.uniform(0.5, 2), 0, 0.35).astype(np.float32) * crumbs, dust)


def _seam(rng: np.random.Generator, image: Image, u: Field, v: Field) -> None:
    """Draws the seam of the belt's ends: a dark joint, mostly with a row of metal clips."""
    slant = u + v * np.float32(rng.uniform(-0.3, 0.3)) - np.float32(rng.uniform(-0.4, 0.4) * len(image))
    joint = np.clip(np.float32(1.8) - np.abs(slant), 0, 1) * np.float32(0.8)
    blend(image, joint, (0.03, 0.03, 0.03))
    if rng.random() < 0.7:
        pitch = rng.uniform(11, 17)
        local = (np.mod(v, pitch) - pitch / 2).astype(np.float32)
        clips = strip(slant, local, rng.uniform(12, 18), rng.uniform(3, 5))
        sheen = np.float32(0.45) + np.float32(0.2) * sine(local * np.float32(1.4))
        blend(image, clips * np.float32(0.9), np.repeat(sheen[..., None], 3, axis=2))


def litter(rng: np.random.Generator, image: Image, clear_of: Field) -> None:
    """Draws one thing on the belt that is not annotated: dirt, tape, or paper without print.

    Args:
        rng: random generator.
        image: float32 [H, W, 3], changed in place.
        clear_of: float32 [H, W], above 0 where nothing may be drawn.
    """
    side = len(image)
    x, y = rng.uniform(0.06, 0.94, 2) * side
    u, v = rotated_grid((side, side), (x, y), rng.uniform(0, pi))
    kind = rng.integers(3)
    if kind == 0:
        outline = (speck if rng.random() < 0.5 else blot)(rng)
        radius = rng.uniform(4, 15)
        cover = coverage(tuple(c * np.float32(radius) + np.array([x, y], np.float32) for c in outline), (side, side))
        weight = cover * np.float32(rng.uniform(0.5, 0.9))
        weight *= np.float32(0.6) + np.float32(0.4) * value_noise(rng, (side, side), 80)
        paint = np.array((0.2, 0.15, 0.1), np.float32) * np.float32(rng.uniform(0.3, 2.2))
    elif kind == 1:
        ragged = 2 * sine(v * np.float32(1.9) + np.float32(rng.uniform(0, 6)))
        weight = strip(u + ragged, v, rng.uniform(35, 80), rng.uniform(10, 16))
        weight *= np.float32(rng.uniform(0.45, 0.85))
        paint = np.array(((0.6, 0.48, 0.3), (0.5, 0.5, 0.52), (0.65, 0.62, 0.5))[rng.integers(3)], np.float32)
    else:
        weight = strip(u + v * np.float32(rng.uniform(-0.2, 0.2)), v, rng.uniform(26, 60), rng.uniform(20, 42))
        crease = 1 + rng.uniform(0.1, 0.25) * np.clip((u + v * rng.uniform(-1, 1)) / 3, -1, 1)
        paint = np.repeat((rng.uniform(0.5, 0.78) * crease[..., None]).astype(np.float32), 3, axis=2)
    free = not np.any((weight > 0.02) & (clear_of > 0))
    if free:
        if kind:
            drop_shadow(image, weight, (1.5, 1.5), 1.5, 0.4)
        blend(image, weight, paint)


def drop_shadow(image: Image, cover: Field, offset_xy: tuple[float, float], softness: float, depth: float) -> None:
    """Darkens an image in place by a coverage 0..1 [H, W], which is shifted by pixels and blurred."""
    dx, dy = offset_xy
    moved = cv2.warpAffine(cover, np.array([[1, 0, dx], [0, 1, dy]], np.float32), cover.shape[::-1])
    image *= (1 - np.float32(depth) * cv2.GaussianBlur(moved, (0, 0), softness))[..., None]


def draw_occluder(rng: np.random.Generator, side: int, angle: float) -> tuple[Field, Image]:
    """Draws an object between camera and belt that crosses the whole image: a strap, a roller or a guide rail.

    Args:
        rng: random generator.
        side: image side, pixels.
        angle: direction of the belt, radians; rails run along it, straps and rollers across.

    Returns:
        Its coverage float32 [side, side] in 0..1 and its colours float32 [side, side, 3].
    """
    kind = rng.integers(3)
    direction = angle + (rng.normal(0, 0.04) if kind == 2 else pi / 2 + rng.normal(0, 0.25 if kind == 0 else 0.03))
    reach = (0.36, 0.47) if kind == 2 else (0.0, 0.42)
    off = rng.uniform(*reach) * side * rng.choice([-1, 1])
    centre = (side / 2 - sin(direction) * off, side / 2 + cos(direction) * off)
    u, v = rotated_grid((side, side), centre, direction)
    width = rng.uniform(*((9, 20), (22, 36), (12, 26))[kind])
    cover = strip(u, v, 4 * side, width)
    round_ = np.sqrt(np.clip(1 - (2 * v / width) ** 2, 0, 1))
    if kind == 0:
        colour = ((0.7, 0.55, 0.1), (0.08, 0.08, 0.08), (0.5, 0.14, 0.1))[rng.integers(3)]
        tone = 0.75 + 0.25 * round_ + woven(rng, u, v, 3.0)
    else:
        colour = (0.5, 0.51, 0.53) if rng.random() < 0.7 else (0.68, 0.52, 0.1)
        tone = 0.25 + 0.6 * round_ + 0.7 * bell((v / width + 0.18) / 0.077)
        tone = tone * (0.85 + 0.3 * value_noise(rng, (1, 2 * side), 40)[0][np.abs(u).astype(np.int32) % (2 * side)])
    return cover, (np.array(colour, np.float32) * tone[..., None]).astype(np.float32)
