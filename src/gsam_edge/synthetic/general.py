"""The general world: named shapes in named colours and textures, for pretraining."""

from dataclasses import dataclass
from itertools import product
from math import ceil, cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.synthetic.ground import COLOURS, Colour, draw_background, draw_colour
from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.shapes import MARKS, SHAPES, Contour, fill_contours
from gsam_edge.synthetic.texture import (
    PATTERNS,
    pattern,
    rotated_grid,
    sensor,
    uneven_light,
)

#: Tones of the small marks, which take their hue from the surface beneath.
TONES = ("dark", "pale")

#: Every word that a phrase of the general world can hold.
GENERAL_WORDS: tuple[str, ...] = tuple(sorted({*COLOURS, *TONES, *PATTERNS, *SHAPES, *MARKS}))


class GeneralWorldConfig(BaseModel):
    """What the general world may draw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(ge=64, description="side of the square image, pixels")
    min_objects: int = Field(ge=1, description="fewest objects asked for; crowded images may hold fewer")
    max_objects: int = Field(ge=1, description="most objects of an image")
    min_extent: float = Field(gt=0, le=1, description="smallest object, fraction of the image's side")
    max_extent: float = Field(gt=0, le=0.7, description="largest object, fraction of the image's side")
    max_mark_extent: float = Field(gt=0, le=1, description="largest mark (streak, blot ...), fraction of the side")
    mark_probability: float = Field(ge=0, le=1, description="share of objects that are marks")
    min_visible: float = Field(
        gt=0, le=1, description="an object is only placed where this share of every object stays visible"
    )
    texture_probability: float = Field(ge=0, le=1, description="share of objects with a texture")
    colour_probability: float = Field(ge=0, le=1, description="share of images whose phrases name colours")
    texture_word_probability: float = Field(ge=0, le=1, description="share of images whose phrases name textures")
    shadow_probability: float = Field(ge=0, le=1, description="share of images with soft shadows")
    light_strength: float = Field(ge=0, le=1, description="unevenness of the light, as a factor")
    blur_probability: float = Field(ge=0, le=1, description="share of images out of focus")
    max_blur: float = Field(gt=0, description="largest blur, standard deviation in pixels")
    max_noise: float = Field(ge=0, le=1, description="largest sensor noise, standard deviation of brightness 0..1")


@dataclass(frozen=True)
class _Look:
    """Appearance of an object, from which a phrase is made."""

    shape: str
    colour: str
    texture: str

    def phrase(self, *, colour: bool, texture: bool) -> str:
        words = (self.colour if colour else "", self.texture if texture else "", self.shape)
        return " ".join(word for word in words if word)


def _transformed(contours: tuple[Contour, ...], radius: float, squeeze: float, angle: float) -> tuple[Contour, ...]:
    c, s = cos(angle), sin(angle)
    matrix = np.array([[c, s], [-s * squeeze, c * squeeze]], np.float32) * np.float32(radius)
    return tuple(contour @ matrix for contour in contours)


class _Canvas:
    """The image while it is being drawn, with the visible pixels of every object so far."""

    def __init__(self, rng: np.random.Generator, config: GeneralWorldConfig) -> None:
        side = config.image_size
        self.rng, self.config = rng, config
        self.image = draw_background(rng, (side, side))
        self.owner = np.full((side, side), -1, np.int16)
        self.areas: list[int] = []
        self.looks: list[_Look] = []
        shadowed = rng.random() < config.shadow_probability
        self.shadow_xy = rng.uniform(-0.12, 0.12, 2) if shadowed else None
        self._margin = 1.25 if shadowed else 1.0

    def place(self, look: _Look, contours: tuple[Contour, ...], angle: float) -> bool:
        """Draws one object at a random place; draws nothing and returns False where it would hide too much."""
        side = self.config.image_size
        half = ceil(self._margin * max(float(np.abs(contour).max()) for contour in contours)) + 2
        spread = (0.6 if self.looks else 1.0) * half
        centre = [int(self.rng.uniform(min(spread, side / 2), max(side - spread, side / 2))) for _ in range(2)]
        alpha = fill_contours(tuple(c + np.float32(half) for c in contours), (2 * half, 2 * half))
        full = int(np.count_nonzero(alpha > 127))
        x0, y0 = centre[0] - half, centre[1] - half
        roi = np.s_[max(y0, 0) : min(y0 + 2 * half, side), max(x0, 0) : min(x0 + 2 * half, side)]
        alpha = alpha[roi[0].start - y0 : roi[0].stop - y0, roi[1].start - x0 : roi[1].stop - x0]
        mask = alpha > 127
        if np.count_nonzero(mask) < self.config.min_visible * full or not self._leaves_others_visible(roi, mask):
            return False
        if self.shadow_xy is not None and look.shape in SHAPES:
            self._cast_shadow(roi, alpha, half)
        grid_hw = alpha.shape
        u, v = rotated_grid(grid_hw, (half - max(-x0, 0), half - max(-y0, 0)), angle)
        self._paint(look, roi, alpha, u, v)
        self.owner[roi][mask] = len(self.looks)
        self.areas.append(full)
        self.looks.append(look)
        return True

    def _leaves_others_visible(self, roi: tuple[slice, slice], mask: NDArray[np.bool_]) -> bool:
        hidden = np.bincount(self.owner[roi][mask] + 1, minlength=len(self.areas) + 1)[1:]
        if not hidden.any():
            return True
        visible = np.bincount(self.owner.ravel() + 1, minlength=len(self.areas) + 1)[1:]
        return bool(np.all(visible - hidden >= self.config.min_visible * np.array(self.areas)))

    def _cast_shadow(self, roi: tuple[slice, slice], alpha: NDArray[np.uint8], half: int) -> None:
        dx, dy = self.shadow_xy * half if self.shadow_xy is not None else (0.0, 0.0)
        moved = cv2.warpAffine(alpha, np.array([[1, 0, dx], [0, 1, dy]], np.float32), alpha.shape[::-1])
        soft = cv2.GaussianBlur(moved, (0, 0), max(1.0, 0.05 * half)).astype(np.float32)
        self.image[roi] *= (1 - soft * np.float32(0.5 / 255))[..., None]

    def _paint(
        self,
        look: _Look,
        roi: tuple[slice, slice],
        alpha: NDArray[np.uint8],
        u: NDArray[np.float32],
        v: NDArray[np.float32],
    ) -> None:
        rng, under = self.rng, self.image[roi]
        weight = alpha.astype(np.float32) * np.float32(1 / 255)
        if look.shape in MARKS:
            strength = rng.uniform(0.35, 0.85)
            tone = under * np.float32(0.15) if look.colour == "dark" else 0.85 + np.float32(0.15) * under
            under += (weight * np.float32(strength))[..., None] * (tone - under)
            return
        first = self._distinct_colour(look.colour, under, weight)
        second = first * np.float32(0.35) if first.mean() > 0.4 else 0.4 + first * np.float32(0.6)
        mix = pattern(rng, look.texture, u, v, max(4.5, rng.uniform(0.12, 0.22) * max(alpha.shape)))
        paint = first + mix[..., None] * (second - first)
        shading = 1 + rng.uniform(-0.25, 0.25) * u / max(alpha.shape)
        under += weight[..., None] * (np.clip(paint * shading[..., None], 0, 1) - under)

    def _distinct_colour(self, name: str, under: NDArray[np.float32], weight: NDArray[np.float32]) -> Colour:
        """Returns a shade of the colour: of three random ones, the one that differs most from the pixels beneath."""
        ground = (under * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1.0)
        shades = [draw_colour(self.rng, name) for _ in range(3)]
        return max(shades, key=lambda shade: float(np.abs(shade - ground).max()))


def _draw_look(rng: np.random.Generator, config: GeneralWorldConfig, extent: float) -> _Look:
    if rng.random() < config.mark_probability:
        return _Look(tuple(MARKS)[rng.integers(len(MARKS))], TONES[rng.integers(2)], "plain")
    shape = tuple(SHAPES)[rng.integers(len(SHAPES))]
    colour = tuple(COLOURS)[rng.integers(len(COLOURS))]
    roomy = extent * config.image_size > 24
    textured = roomy and shape != "spiral" and rng.random() < config.texture_probability
    return _Look(shape, colour, PATTERNS[rng.integers(1, len(PATTERNS))] if textured else "plain")


def _outline(
    rng: np.random.Generator, look: _Look, config: GeneralWorldConfig, extent: float, angle: float
) -> tuple[Contour, ...]:
    radius = extent * config.image_size / 2
    if look.shape in MARKS:
        radius = min(radius, config.max_mark_extent * config.image_size / 2)
        return _transformed(MARKS[look.shape](rng), radius, 1.0, angle)
    shape = SHAPES[look.shape]
    return _transformed(shape.contours, radius, rng.uniform(*shape.squeeze), angle)


def draw_general_scene(rng: np.random.Generator, config: GeneralWorldConfig) -> Scene:
    """Draws one image of the general world.

    All phrases of an image are equally detailed ("ring" or "red ring" or "red striped ring"), so that no phrase is true
    of an object that has another one. Large objects are drawn first; an object on top hides pixels of those beneath.

    Args:
        rng: random generator; the same state draws the same image.
        config: limits of the world.

    Returns:
        A scene of `image_size` pixels with at least one object, each at least `min_visible` visible.
    """
    canvas = _Canvas(rng, config)
    wanted = int(rng.integers(config.min_objects, config.max_objects + 1))
    extents = np.exp(rng.uniform(np.log(config.min_extent), np.log(config.max_extent), wanted))
    for extent in np.sort(extents)[::-1]:
        look = _draw_look(rng, config, extent)
        angle = rng.uniform(0, 2 * pi)
        contours = _outline(rng, look, config, extent, angle)
        for _ in range(4):
            if canvas.place(look, contours, angle):
                break
    image = canvas.image * uneven_light(rng, canvas.owner.shape, config.light_strength)[..., None]
    image *= np.float32(rng.uniform(0.75, 1.15))
    if rng.random() < config.blur_probability:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, config.max_blur))
    pixels = sensor(rng, image, rng.uniform(0, config.max_noise))
    colour = bool(rng.random() < config.colour_probability)
    texture = bool(rng.random() < config.texture_word_probability)
    return Scene(
        image=pixels,
        masks=canvas.owner[None] == np.arange(len(canvas.looks), dtype=np.int16)[:, None, None],
        phrases=tuple(look.phrase(colour=colour, texture=texture) for look in canvas.looks),
    )


def draw_absent_phrases(rng: np.random.Generator, phrases: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Draws phrases that are true of no object in a general scene, as negatives for a prompt.

    Args:
        rng: random generator.
        phrases: the scene's phrases, at least one.
        count: how many at most.

    Returns:
        Up to `count` different phrases, as detailed as the scene's own.
    """
    words = phrases[0].split()
    columns: list[tuple[str, ...]] = []
    if any(word in COLOURS or word in TONES for word in words):
        columns.append(tuple(COLOURS))
    if any(word in PATTERNS for word in words):
        columns.append(PATTERNS)
    every = [" ".join(parts) for parts in product(*columns, tuple(SHAPES))]
    drawn = dict.fromkeys(every[i] for i in rng.integers(len(every), size=4 * count))
    return tuple(phrase for phrase in drawn if phrase not in phrases)[:count]
