"""The workshop: shapes, parts and marks with their attributes in words, as the tiny teachers are pretrained on them."""

from dataclasses import replace
from math import ceil, cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.synthetic.backdrop import draw_backdrop, roller
from gsam_edge.synthetic.ground import Colour, draw_colour
from gsam_edge.synthetic.optics import OpticsConfig, photograph
from gsam_edge.synthetic.parts import FLAWS, PARTS, Drawing
from gsam_edge.synthetic.phrases import Look, draw_look, draw_told
from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.shapes import SHAPES, Contour, fill_contours
from gsam_edge.synthetic.texture import pattern, rotated_grid, value_noise

#: Least longest side, pixels (and at most a third of the image), at which a thing can be told from its look-alikes.
_SMALLEST = {"shape": 20, "part": 34, "long": 52, "counted": 46, "flaw": 16, "long flaw": 28}

#: Smaller shapes, in pixels, have no texture: it could not be told.
_ROOMY = 28

#: Reflectance (RGB) of rust, darkest and brightest.
_RUST = np.array([[0.26, 0.12, 0.05], [0.68, 0.34, 0.14]], np.float32)


class WorkshopConfig(BaseModel):
    """What the workshop may draw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(ge=64, description="side of the square image, pixels")
    min_objects: int = Field(ge=1, description="fewest objects asked for; crowded images may hold fewer")
    max_objects: int = Field(ge=1, description="most objects of an image")
    min_extent: float = Field(gt=0, le=1, description="smallest object, fraction of the image's side")
    max_extent: float = Field(gt=0, le=0.7, description="largest object, fraction of the image's side")
    max_flaw_extent: float = Field(gt=0, le=1, description="largest mark (stain, crack ...), fraction of the side")
    part_probability: float = Field(ge=0, le=1, description="share of objects that are parts")
    flaw_probability: float = Field(ge=0, le=1, description="share of objects that are marks")
    look_alike_probability: float = Field(
        ge=0, le=1, description="share of objects that differ from an earlier one in a single attribute"
    )
    min_visible: float = Field(
        gt=0, le=1, description="an object is only placed where this share of every object stays visible"
    )
    texture_probability: float = Field(ge=0, le=1, description="share of shapes with a texture")
    colour_word_probability: float = Field(ge=0, le=1, description="share of images whose phrases name colours")
    texture_word_probability: float = Field(ge=0, le=1, description="share of images whose phrases name textures")
    direction_word_probability: float = Field(ge=0, le=1, description="share of images whose phrases name directions")
    count_word_probability: float = Field(
        ge=0, le=1, description="share of images whose phrases count holes, slots ..."
    )
    shadow_probability: float = Field(ge=0, le=1, description="share of images with soft shadows")
    relief_probability: float = Field(ge=0, le=1, description="share of images whose objects are lit as solids")
    max_cushions: int = Field(ge=0, description="most nameless filled things beneath the objects")
    roller_probability: float = Field(ge=0, le=1, description="share of images with a roller before the camera")
    optics: OpticsConfig = Field(description="light and camera")


def draw_workshop_scene(rng: np.random.Generator, config: WorkshopConfig) -> Scene:
    """Draws one image of the workshop.

    All phrases of an image tell the same attributes, so that no phrase is true of an object that has another one. Large
    objects are drawn first; an object on top hides pixels of those beneath.

    Args:
        rng: random generator; the same state draws the same image.
        config: limits of the world.

    Returns:
        A scene of `image_size` pixels with at least one object, each at least `min_visible` visible.
    """
    told = draw_told(rng, config)
    canvas = _Canvas(rng, config)
    wanted = int(rng.integers(config.min_objects, config.max_objects + 1))
    looks: list[Look] = []
    for _ in range(wanted):
        looks.append(draw_look(rng, config, looks))
    extents = np.exp(rng.uniform(np.log(config.min_extent), np.log(config.max_extent), wanted)) * config.image_size
    sized = sorted(
        ((_extent(look, extent, config), i) for i, (look, extent) in enumerate(zip(looks, extents))), reverse=True
    )
    for extent, index in sized:
        look = looks[index] if extent > _ROOMY else replace(looks[index], texture="plain")
        angle = look.angle(rng, told)
        drawing = _drawing(rng, look)
        squeeze = rng.uniform(*SHAPES[look.noun].squeeze) if look.noun in SHAPES else 1.0
        for _ in range(6):
            if canvas.place(look, drawing, extent / 2, squeeze, angle):
                break
    while not canvas.looks:
        canvas.place(Look("circle", "white" if canvas.image.mean() < 0.5 else "black"), _shape("circle"), 24, 1.0, 0.0)
    if rng.random() < config.roller_probability:
        canvas.hide_behind(*roller(rng, config.image_size))
    return Scene(
        image=photograph(rng, canvas.image, config.optics),
        masks=canvas.owner[None] == np.arange(len(canvas.looks), dtype=np.int16)[:, None, None],
        phrases=tuple(look.phrase(told) for look in canvas.looks),
    )


def _shape(name: str) -> Drawing:
    return Drawing(SHAPES[name].contours)


def _drawing(rng: np.random.Generator, look: Look) -> Drawing:
    if look.noun in SHAPES:
        return _shape(look.noun)
    return PARTS[look.noun].draw(rng, look.count) if look.noun in PARTS else FLAWS[look.noun].draw(rng)


def _extent(look: Look, extent: float, config: WorkshopConfig) -> float:
    """Returns the longest side in pixels: the drawn one within the limits of its kind."""

    def at_least(kind: str) -> float:
        return min(_SMALLEST[kind], config.image_size / 3)

    if look.noun in SHAPES:
        return max(extent, at_least("shape"))
    if look.noun in PARTS:
        part = PARTS[look.noun]
        return max(extent, at_least("counted" if part.counted else "long" if part.is_long else "part"))
    largest = config.max_flaw_extent * config.image_size * (0.5 if look.noun == "speck" else 1.0)
    return max(min(extent, largest), at_least("long flaw" if FLAWS[look.noun].is_long else "flaw"))


def _transformed(contours: tuple[Contour, ...], radius: float, squeeze: float, angle: float) -> tuple[Contour, ...]:
    c, s = cos(angle), sin(angle)
    matrix = np.array([[c, s], [-s * squeeze, c * squeeze]], np.float32) * np.float32(radius)
    return tuple(contour @ matrix for contour in contours)


class _Canvas:
    """The image while it is being drawn, with the visible pixels of every object so far."""

    def __init__(self, rng: np.random.Generator, config: WorkshopConfig) -> None:
        side = config.image_size
        self.rng, self.config = rng, config
        self.image = draw_backdrop(rng, side, int(rng.integers(config.max_cushions + 1)))
        self.owner = np.full((side, side), -1, np.int16)
        self.areas: list[int] = []
        self.looks: list[Look] = []
        lamp = rng.uniform(0, 2 * pi)
        self.lamp = np.float32(cos(lamp)), np.float32(sin(lamp))
        self.shadow = rng.uniform(0.03, 0.14) if rng.random() < config.shadow_probability else 0.0
        self.relief = rng.uniform(0.15, 0.5) if rng.random() < config.relief_probability else 0.0

    def place(self, look: Look, drawing: Drawing, radius: float, squeeze: float, angle: float) -> bool:
        """Draws an object at a random place; draws nothing and returns False where it would hide or be hidden."""
        side = self.config.image_size
        contours = _transformed(drawing.outline, radius, squeeze, angle)
        half = ceil((1 + self.shadow) * max(float(np.abs(contour).max()) for contour in contours)) + 2
        spread = (0.6 if self.looks else 1.0) * half
        x, y = (int(self.rng.uniform(min(spread, side / 2), max(side - spread, side / 2))) for _ in range(2))
        x0, y0 = x - half, y - half
        roi = np.s_[max(y0, 0) : min(y0 + 2 * half, side), max(x0, 0) : min(x0 + 2 * half, side)]
        cut = np.s_[roi[0].start - y0 : roi[0].stop - y0, roi[1].start - x0 : roi[1].stop - x0]

        def filled(outlines: tuple[Contour, ...]) -> NDArray[np.uint8]:
            return fill_contours(tuple(c + np.float32(half) for c in outlines), (2 * half, 2 * half))

        whole = filled(contours)
        alpha = whole[cut]
        mask = alpha > 127
        full = int(np.count_nonzero(whole > 127))
        if np.count_nonzero(mask) < max(self.config.min_visible * full, 8) or not self._leaves_others_visible(
            roi, mask
        ):
            return False
        beneath = np.unique(self.owner[roi][mask])
        if any(self.looks[i].colour == look.colour for i in beneath[beneath >= 0]):
            return False  # nobody could tell where one ends
        weight = alpha.astype(np.float32) * np.float32(1 / 255)
        ground = (self.image[roi] * weight[..., None]).sum((0, 1)) / float(weight.sum())
        colour = self._colour(look, ground)
        if colour is None:
            return False
        if look.noun not in FLAWS and self.shadow:
            self._cast_shadow(roi, whole[cut], half)
        uv = rotated_grid(alpha.shape, (half - max(-x0, 0), half - max(-y0, 0)), angle)
        self._paint(look, roi, weight, colour, uv)
        for outlines, tone in drawing.details:
            inside = weight * filled(_transformed(outlines, radius, squeeze, angle))[cut] * np.float32(1 / 255)
            self._tone(look, roi, inside, tone, colour)
        self.owner[roi][mask] = len(self.looks)
        self.areas.append(full)
        self.looks.append(look)
        return True

    def hide_behind(self, cover: NDArray[np.float32], paint: NDArray[np.float32]) -> None:
        """Draws something nameless over the image, unless it would hide too much of an object."""
        hidden = cover > 0.5
        left = np.bincount(self.owner[~hidden] + 1, minlength=len(self.areas) + 1)[1:]
        if np.all(left >= self.config.min_visible * np.array(self.areas)):
            self.image += cover[..., None] * (paint - self.image)
            self.owner[hidden] = -1

    def _leaves_others_visible(self, roi: tuple[slice, slice], mask: NDArray[np.bool_]) -> bool:
        hidden = np.bincount(self.owner[roi][mask] + 1, minlength=len(self.areas) + 1)[1:]
        if not hidden.any():
            return True
        visible = np.bincount(self.owner.ravel() + 1, minlength=len(self.areas) + 1)[1:]
        return bool(np.all(visible - hidden >= self.config.min_visible * np.array(self.areas)))

    def _cast_shadow(self, roi: tuple[slice, slice], alpha: NDArray[np.uint8], half: int) -> None:
        dx, dy = -self.lamp[0] * self.shadow * half, -self.lamp[1] * self.shadow * half
        moved = cv2.warpAffine(alpha, np.array([[1, 0, dx], [0, 1, dy]], np.float32), alpha.shape[::-1])
        soft = cv2.GaussianBlur(moved, (0, 0), max(1.0, 0.05 * half)).astype(np.float32)
        self.image[roi] *= (1 - soft * np.float32(0.5 / 255))[..., None]

    def _colour(self, look: Look, ground: Colour) -> Colour | None:
        """Returns the colour of an object on a ground, or None where it would hardly be seen there."""
        if look.noun in FLAWS:
            bright = float(ground.mean())
            if look.noun == "rust":
                return _RUST.mean(0) if float(np.abs(_RUST.mean(0) - ground).max()) > 0.2 else None
            if look.colour == "pale":
                return 0.8 + np.float32(0.2) * ground if bright < 0.6 else None
            return ground * np.float32(0.12) if bright > 0.25 else None
        shades = [draw_colour(self.rng, look.colour) for _ in range(3)]
        best = max(shades, key=lambda shade: float(np.abs(shade - ground).max()))
        return best if float(np.abs(best - ground).max()) > 0.2 else None

    def _paint(
        self,
        look: Look,
        roi: tuple[slice, slice],
        weight: NDArray[np.float32],
        colour: Colour,
        uv: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> None:
        rng, under, (u, v) = self.rng, self.image[roi], uv
        size = max(weight.shape)
        if look.noun in FLAWS:
            self._mark(look, under, weight, colour, u)
            return
        second = colour * np.float32(0.3) if colour.mean() > 0.4 else 0.45 + colour * np.float32(0.55)
        mix = pattern(rng, look.texture, u, v, max(5.0, rng.uniform(0.12, 0.22) * size))
        paint = colour + mix[..., None] * (second - colour)
        shading = 1 + rng.uniform(-0.15, 0.15) * u / size + self.relief * self._slope(weight, 0.04 * size + 0.8)
        under += weight[..., None] * (np.clip(paint * shading[..., None], 0, 1) - under)

    def _mark(
        self,
        look: Look,
        under: NDArray[np.float32],
        weight: NDArray[np.float32],
        colour: Colour,
        u: NDArray[np.float32],
    ) -> None:
        rng, flaw, size = self.rng, FLAWS[look.noun], max(weight.shape)
        body = weight * np.float32(flaw.body)
        if flaw.edge == "relief":
            slope = self._slope(weight, 0.09 * size + 0.8)
            under *= (1 - np.float32(rng.uniform(0.45, 0.75)) * slope)[..., None]
            under += (np.float32(rng.uniform(0.15, 0.3)) * np.clip(-slope, 0, 1))[..., None]
            return
        if flaw.edge == "soft":
            inner = cv2.GaussianBlur(weight, (0, 0), 0.07 * size)
            body = cv2.GaussianBlur(body, (0, 0), 0.9) * (np.float32(1.5) - np.float32(0.6) * inner)
        elif flaw.edge == "fading":
            along = (u - u.min()) / max(float(u.max() - u.min()), 1.0)
            body = body * (np.float32(1) - np.float32(0.65) * along)
        elif flaw.edge == "grains":
            grain = value_noise(rng, weight.shape, max(4, size // 3))[..., None]
            paint = _RUST[0] + grain * (_RUST[1] - _RUST[0])
            under += (body * (0.6 + 0.4 * (grain[..., 0] > 0.4)))[..., None] * (paint - under)
            return
        strength = np.float32(rng.uniform(0.65, 0.95))
        under += (strength * body)[..., None] * (colour - under)

    def _tone(
        self, look: Look, roi: tuple[slice, slice], inside: NDArray[np.float32], tone: float, colour: Colour
    ) -> None:
        """Makes a detail darker or lighter; on a dark object a dark detail is drawn lighter, and the reverse."""
        under = self.image[roi]
        if look.noun in FLAWS:
            under += (inside * np.float32(abs(tone)))[..., None] * (colour - under)
            return
        brightness = float(colour.mean())
        lighter = tone > 0 if 0.25 < brightness < 0.75 else brightness <= 0.25
        paint = np.float32(0.93 if lighter else 0.05)
        under += (inside * np.float32(abs(tone)))[..., None] * (paint - under)

    def _slope(self, weight: NDArray[np.float32], width: float) -> NDArray[np.float32]:
        """Returns how much a rounded edge faces the lamp, -1..1, for a coverage [H, W] and the edge's width, pixels."""
        height = cv2.GaussianBlur(weight, (0, 0), width)
        dy, dx = np.gradient(height)
        slope = -(dx * self.lamp[0] + dy * self.lamp[1]) * weight
        return (slope / max(float(np.abs(slope).max()), 1e-6)).astype(np.float32)
