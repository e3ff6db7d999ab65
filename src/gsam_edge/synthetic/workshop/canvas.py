"""An image of the workshop while it is being drawn."""

from math import ceil, cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.ground import Colour, draw_colour
from gsam_edge.synthetic.shapes import Contour, fill_contours
from gsam_edge.synthetic.texture import pattern, rotated_grid, value_noise
from gsam_edge.synthetic.workshop.backdrop import draw_backdrop
from gsam_edge.synthetic.workshop.config import WorkshopConfig
from gsam_edge.synthetic.workshop.drawing import Drawing
from gsam_edge.synthetic.workshop.flaws import FLAWS
from gsam_edge.synthetic.workshop.phrases import Look

#: Reflectance (RGB) of rust, darkest and brightest.
_RUST = np.array([[0.26, 0.12, 0.05], [0.68, 0.34, 0.14]], np.float32)


def _transformed(contours: tuple[Contour, ...], radius: float, squeeze: float, angle: float) -> tuple[Contour, ...]:
    c, s = cos(angle), sin(angle)
    matrix = np.array([[c, s], [-s * squeeze, c * squeeze]], np.float32) * np.float32(radius)
    return tuple(contour @ matrix for contour in contours)


class Canvas:
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
