"""The bag of the sample world: a filled sack with gathered ears, drawn as reflectance and relief, then lit."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.shapes import Contour, coverage
from gsam_edge.synthetic.texture import Field, bell, fractal_noise, rotated_grid, sine, value_noise, woven

#: Possible reflectances (RGB, 0..1) by kind of bag.
_MATERIALS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "woven": ((0.72, 0.71, 0.66), (0.62, 0.58, 0.46), (0.42, 0.55, 0.4), (0.7, 0.5, 0.28), (0.45, 0.54, 0.66)),
    "paper": ((0.56, 0.43, 0.29), (0.63, 0.5, 0.36), (0.7, 0.66, 0.58)),
    "plastic": ((0.72, 0.73, 0.73), (0.5, 0.57, 0.6), (0.68, 0.6, 0.36), (0.36, 0.46, 0.6)),
}
_TIES = ((0.75, 0.73, 0.68), (0.12, 0.12, 0.13), (0.5, 0.12, 0.1), (0.12, 0.25, 0.5))

#: Least difference of reflectance, in one channel, between a tie and its bag: a person must see it.
_TIE_CONTRAST = 0.25


@dataclass
class Surface:
    """The surface of an object on the belt, before lighting; the arrays are changed while it is drawn.

    Attributes:
        cover: float32 [H, W], 0..1, where it hides the belt.
        albedo: float32 [H, W, 3], reflectance 0..1.
        slope: float32 [2, H, W], rise of its relief to the right and downwards, pixels per pixel.
        gloss: float32 [H, W], strength of the mirror reflection 0..1.
    """

    cover: Field
    albedo: NDArray[np.float32]
    slope: NDArray[np.float32]
    gloss: Field

    def copy(self) -> "Surface":
        """Returns a copy with its own arrays."""
        return Surface(self.cover.copy(), self.albedo.copy(), self.slope.copy(), self.gloss.copy())

    def restore(self, earlier: "Surface", where: NDArray[np.bool_]) -> None:
        """Restores the values of an earlier copy where a mask bool [H, W] is set."""
        self.albedo[where] = earlier.albedo[where]
        self.slope[:, where] = earlier.slope[:, where]
        self.gloss[where] = earlier.gloss[where]


@dataclass(frozen=True)
class Bag:
    """A bag with the masks of its parts.

    Attributes:
        surface: its reflectance and relief.
        body: bool [H, W], the filled part without the ears.
        ears: bool [E, H, W], each gathered ear.
        necks: bool [H, W], where the ears are tied or not.
        angle: its long axis, radians.
    """

    surface: Surface
    body: NDArray[np.bool_]
    ears: NDArray[np.bool_]
    necks: NDArray[np.bool_]
    angle: float


def slope_of(height: Field) -> NDArray[np.float32]:
    """Returns the central differences of a relief [H, W] in pixels: float32 [2, H, W], to the right and downwards."""
    dy, dx = np.gradient(height)
    return np.stack([dx, dy]).astype(np.float32)


def draw_bag(rng: np.random.Generator, side: int, tied: Sequence[bool]) -> Bag:
    """Draws a bag at a random place in the image.

    Args:
        rng: random generator.
        side: image side, pixels; sizes scale with it.
        tied: for each ear (0..4) whether a tie holds it; every ear is a gathered corner, and two lie at one end.
    """
    hw, unit = (side, side), side / 320
    half_x = rng.uniform(70, 108) * unit
    half_y = half_x * rng.uniform(0.6, 0.82)
    angle = rng.normal(0, 0.35) + (pi / 2 if rng.random() < 0.5 else 0)
    flip = rng.choice([-1, 1], 2)
    corners = np.array([(1, 1), (1, -1), (-1, 1), (-1, -1)][: len(tied)]).reshape(-1, 2) * flip * [half_x, half_y]
    centre = _centre(rng, side, corners, angle)
    outline = _outline(rng, half_x, half_y, angle, centre)
    cover = coverage((outline,), hw)
    u, v = rotated_grid(hw, centre, angle)
    material = tuple(_MATERIALS)[rng.integers(len(_MATERIALS))]
    colours = _MATERIALS[material]
    colour = np.array(colours[rng.integers(len(colours))], np.float32) * rng.uniform(0.85, 1.12)
    fabric = _fabric(rng, material, u, v, unit)
    surface = Surface(
        cover=cover,
        albedo=(colour * (1 + fabric)[..., None]).astype(np.float32),
        slope=slope_of(_filling(rng, cover, half_y) + _folds(rng, material, u, v, unit)),
        gloss=np.full(hw, {"woven": 0.08, "paper": 0.02, "plastic": 0.4}[material], np.float32),
    )
    if rng.random() < 0.5:
        _stitching(rng, surface, u, v, half_x)
    ties = [_tie_colour(rng, colour) if has_tie else None for has_tie in tied]
    drawn = [
        _gather_ear(rng, surface, centre, angle, (float(x), float(y)), tie=tie, unit=unit)
        for (x, y), tie in zip(corners, ties, strict=True)
    ]
    masks = np.array([mask for mask, _ in drawn], bool).reshape(-1, *hw)
    necks = np.array([neck for _, neck in drawn], bool).reshape(-1, *hw)
    return Bag(surface, (cover > 0.5) & ~masks.any(axis=0), masks, np.asarray(necks.any(axis=0)), angle)


def _centre(rng: np.random.Generator, side: int, corners: NDArray[np.float64], angle: float) -> tuple[float, float]:
    """Draws a centre for which every ear lies in the image; other parts of the bag may be cut off."""
    c, s = cos(angle), sin(angle)
    reach = np.concatenate([corners, [[0.0, 0.0]]]) @ np.array([[c, s], [-s, c]])
    room = 28 * side / 320
    low = np.maximum(0.32 * side, room - reach.min(axis=0))
    high = np.minimum(0.68 * side, side - room - reach.max(axis=0))
    x, y = rng.uniform(np.minimum(low, high), np.maximum(low, high))
    return float(x), float(y)


def _outline(
    rng: np.random.Generator, half_x: float, half_y: float, angle: float, centre: tuple[float, float]
) -> Contour:
    """Returns a superellipse with a wavy rim: corners full, sides slightly bulging."""
    t = np.arange(120) * 2 * pi / 120
    power = 2 / rng.uniform(3.2, 5.5)
    rim = 1 + sum(rng.uniform(0, 0.014) * np.cos(k * t + rng.uniform(0, 2 * pi)) for k in (3, 5, 8, 13))
    x = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power * half_x * rim
    y = np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power * half_y * rim
    c, s = cos(angle), sin(angle)
    return np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], axis=1).astype(np.float32)


def _filling(rng: np.random.Generator, cover: Field, half_y: float) -> Field:
    """Returns the relief of the filled bag: steep at the rim, flat on top, lumpy."""
    inside = (cover > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) / np.float32(half_y * 0.75)
    dome = np.sqrt(1 - (1 - np.minimum(depth, 1)) ** 2) * np.float32(half_y * rng.uniform(0.3, 0.5))
    lumps = fractal_noise(rng, cover.shape, (4, 9)) * np.float32(half_y * rng.uniform(0.1, 0.25))
    return cv2.GaussianBlur(dome, (0, 0), half_y * 0.06) + lumps


def _folds(rng: np.random.Generator, material: str, u: Field, v: Field, unit: float) -> Field:
    """Returns the relief of creases: facets in paper, long soft wrinkles in cloth and film."""
    total = np.zeros_like(u)
    for _ in range(rng.integers(5, 10)):
        turn = rng.uniform(0, pi)
        along = u * np.float32(cos(turn)) + v * np.float32(sin(turn))
        across = v * np.float32(cos(turn)) - u * np.float32(sin(turn)) - np.float32(rng.normal(0, 45) * unit)
        across += np.float32(rng.normal(0, 0.0025) / unit) * np.square(along)
        middle, length = rng.normal(0, 40) * unit, rng.uniform(18, 60) * unit
        fade = bell((along - np.float32(middle)) / np.float32(length))
        width = rng.uniform(2.5, 6) * unit
        if material == "paper":
            crease = -np.sqrt(across**2 + 1) * bell(across / (6 * width))
            total += np.float32(rng.uniform(0.15, 0.45)) * fade * crease
        else:
            total += np.float32(rng.uniform(0.5, 2.4) * unit) * fade * bell(across / width)
    return total


def _fabric(rng: np.random.Generator, material: str, u: Field, v: Field, unit: float) -> Field:
    """Returns the relative brightness of the bag's own surface, around 0."""
    blotches = np.float32(0.12) * (fractal_noise(rng, u.shape, (5, 13, 34)) - np.float32(0.5))
    if material == "woven":
        return blotches + np.float32(rng.uniform(0.7, 1.3)) * woven(rng, u, v, rng.uniform(2.8, 4.6) * unit)
    if material == "paper":
        fibres = value_noise(rng, u.shape, u.shape[0] // 2) - np.float32(0.5)
        return blotches + np.float32(0.1) * fibres
    return blotches


def _stitching(rng: np.random.Generator, surface: Surface, u: Field, v: Field, half_x: float) -> None:
    """Draws a sewn seam near one end of the bag."""
    seam = np.float32(rng.choice([-1, 1]) * half_x * rng.uniform(0.78, 0.86))
    across: Field = u - seam + np.float32(1.5) * sine(v * np.float32(0.05))
    dashes = np.clip(1.3 - np.abs(across), 0, 1) * (sine(v * np.float32(2 * pi / 7)) > -0.2)
    surface.albedo *= (1 - np.float32(0.45) * dashes)[..., None]
    surface.slope += slope_of(np.float32(-1.2) * bell(across / np.float32(2.5)))


def _tie_colour(rng: np.random.Generator, cloth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draws the reflectance (RGB, 0..1) of a tie that stands out from its bag's."""
    ties = np.array(_TIES, np.float32)
    distinct = ties[np.abs(ties - cloth).max(axis=1) > _TIE_CONTRAST]
    return np.asarray(distinct[rng.integers(len(distinct))])


def _gather_ear(
    rng: np.random.Generator,
    surface: Surface,
    centre: tuple[float, float],
    angle: float,
    corner: tuple[float, float],
    *,
    tie: NDArray[np.float32] | None,
    unit: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Adds one ear at a corner of the bag (given in its own axes); returns masks of it and of its neck, bool [H, W].

    The cloth is pinched at a neck and fans out or twists to a tip beyond it, with pleats along. `tie` is the colour of
    what is wound around the neck, None where nothing is: nothing else tells a tied ear from an open one.
    """
    c, s = cos(angle), sin(angle)
    at = np.array(corner) * 0.9
    origin = (centre[0] + c * at[0] - s * at[1], centre[1] + s * at[0] + c * at[1])
    heading = np.arctan2(corner[1] * rng.uniform(0.8, 1.4), corner[0]) + angle + rng.normal(0, 0.15)
    length, width = rng.uniform(34, 54) * unit, rng.uniform(27, 42) * unit
    u, v = rotated_grid(surface.cover.shape, origin, float(heading))
    v = v - np.float32(rng.normal(0, 0.22)) * np.clip(u, 0, None) ** 2 / np.float32(length)
    profile: tuple[tuple[float, float], ...]
    if rng.random() < 0.65:
        profile = ((-0.2, 0.34), (0.0, 0.24), (0.16, 0.22), (0.5, 0.36), (0.9, 0.5), (1.1, 0.5))
    else:
        profile = ((-0.2, 0.32), (0.0, 0.25), (0.14, 0.24), (0.42, 0.46), (0.72, 0.4), (1.0, 0.16), (1.1, 0.1))
    half = np.interp(u / length, *np.array(profile).T).astype(np.float32) * np.float32(width)
    pleats = rng.integers(2, 5)
    phase = rng.uniform(0, 2 * pi)
    fold = sine(np.clip(v / half, -1.2, 1.2) * np.float32(pi * pleats) + np.float32(phase))
    tip = np.float32(length) * (1 - np.float32(0.12 / width) * half * (1 - fold))
    cover = (
        np.clip(half - np.abs(v) + 0.5, 0, 1) * np.clip(tip - u + 0.5, 0, 1) * np.clip(u + 0.14 * length + 0.5, 0, 1)
    )
    mask = cover > 0.5
    rise = np.clip(u / np.float32(length), 0, 1)
    roundness = np.sqrt(np.clip(1 - (v / half) ** 2, 0.04, 1)) * half * np.float32(0.55)
    relief = roundness + np.float32(rng.uniform(1.4, 2.4) * unit) * fold * (np.float32(0.35) + rise)
    slope = slope_of(relief)
    surface.slope += cover * (slope - surface.slope)
    neck = bell((u - np.float32(0.06 * length)) / np.float32(0.09 * length))
    shade = 1 - np.float32(0.35) * neck + np.float32(0.1) * fold
    winding = np.clip(np.float32(rng.uniform(2.2, 3.6) * unit) - np.abs(u - np.float32(0.07 * length)) + 0.5, 0, 1)
    if tie is not None:
        surface.albedo += (cover * winding)[..., None] * (tie - surface.albedo)
        shade = 1 + (shade - 1) * (1 - winding)
    surface.albedo *= (1 + cover * (shade - 1))[..., None]
    edge = cv2.GaussianBlur(cover, (0, 0), 2.0 * unit) * (1 - cover)
    surface.albedo *= (1 - np.float32(0.7) * edge)[..., None]
    np.maximum(surface.cover, cover, out=surface.cover)
    return mask, mask & (winding > 0.5)


def light_surface(surface: Surface, azimuth: float, elevation: float) -> NDArray[np.float32]:
    """Lights a surface, float32 [H, W, 3]: ambient light and Lambert's law, plus a Blinn-Phong highlight by gloss.

    Args:
        surface: what is lit.
        azimuth: where the light comes from, radians, 0 is right and pi/2 below (image axes).
        elevation: height of the lamp over the belt, radians; a flat surface keeps its reflectance.
    """
    dx, dy = surface.slope
    length = np.sqrt(dx**2 + dy**2 + 1)
    lamp = np.array([cos(azimuth) * cos(elevation), sin(azimuth) * cos(elevation), sin(elevation)], np.float32)
    facing = (-dx * lamp[0] - dy * lamp[1] + lamp[2]) / length
    diffuse = np.float32(0.45) + np.float32(0.55) * np.clip(facing, 0, None) / lamp[2]
    halfway = lamp + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway)
    facing_half = np.clip((-dx * halfway[0] - dy * halfway[1] + halfway[2]) / length, 0, 1)
    mirror = np.power(facing_half, 60, dtype=np.float64).astype(np.float32)
    return surface.albedo * diffuse[..., None] + (surface.gloss * mirror)[..., None]
