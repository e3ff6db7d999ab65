"""albumentations' slow smooth transforms, computed at coarse places: the same draws, and nearly the same images.

A field that changes slowly is known from a few of its places. Between them it is interpolated (bicubic).
"""

import os
from functools import lru_cache
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import albumentations as A  # noqa: N812
import cv2
import numpy as np
from albumentations.augmentations.geometric import functional as geometric
from numpy.typing import NDArray

#: Distance of a spline's points in pixels. Its own control points are a quarter of the image apart.
_SPLINE_STEP = 4

#: What is blurred is computed at places whose distance is the blur's standard deviation divided by this, and at so many
#: at least along the image's longer side.
_PER_DEVIATION, _LEAST_PLACES = 2.5, 64

#: Standard deviations from which on a Gaussian is 0, as in OpenCV.
_REACH = 4

#: Of albumentations' flare: the blur of its light and of two of its colours (pixels), how far it is seen, as a share of
#: the image's longer side, and the width of its spikes (pixels).
_FLARE_BLUR, _COLOUR_BLURS, _FLARE_REACH, _SPIKE_WIDTH = 15.0, {0: 3.0, 2: 5.0}, 0.7, 2

#: Points beyond the edges that bicubic interpolation reads.
_MARGIN = 2

Field = NDArray[np.float32]


class ThinPlateSpline(A.ThinPlateSpline):  # type: ignore[misc]  # albumentations carries no types
    """albumentations' spline, whose displacement is computed at every fourth pixel of every fourth line."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Returns where each pixel comes from: `map_x` and `map_y`, float32 [H, W], pixels."""
        height, width = params["shape"][:2]
        points = geometric.generate_control_points(self.num_control_points)
        scale = self.py_random.uniform(*self.scale_range) / 10
        moved = points + self.random_generator.normal(0, scale, points.shape)
        weights, affine = geometric.compute_tps_weights(points, moved)
        y, x = (_coarse_places(side, _SPLINE_STEP) for side in (height, width))
        grid = np.stack(np.meshgrid(x / width, y / height), -1)  # [h, w, 2]
        there = geometric.tps_transform(grid.reshape(-1, 2), points, weights, affine).reshape(grid.shape)
        displacement = ((there - grid) * (width, height)).astype(np.float32)
        return _maps(_refined(displacement, _SPLINE_STEP, (height, width)))


class ElasticTransform(A.ElasticTransform):  # type: ignore[misc]
    """albumentations' elastic transform of Gaussian noise, which is blurred at coarse places."""

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Returns where each pixel comes from: `map_x` and `map_y`, float32 [H, W], pixels."""
        height, width = params["shape"][:2]
        noise = self.random_generator.standard_normal((2 * height, width), dtype=np.float32)
        noise *= self.alpha / max(float(noise.max()), -float(noise.min()))
        step = _step(self.sigma, (height, width))
        # One above the other, as albumentations blurs them.
        field = _refined(_blurred(noise, self.sigma, cv2.BORDER_REPLICATE, step), step, (2 * height, width))
        return _maps(np.stack([field[:height], field[height:]], -1))


class RandomSunFlare(A.RandomSunFlare):  # type: ignore[misc]
    """albumentations' flare, whose light is blurred at coarse places."""

    def apply(self, img: NDArray[np.uint8], flare_center: tuple[int, int], circles: list[Any], **params: Any) -> Any:
        """See albumentations' `add_sun_flare_physics_based`."""
        if self.method != "physics_based":
            return super().apply(img, flare_center, circles, **params)
        height, width = img.shape[:2]
        light = np.zeros(img.shape, np.float32)
        cv2.circle(light, flare_center, self.src_radius, self.src_color, -1)
        for angle in np.radians([0, 45, 90, 135]):
            end = np.array(flare_center) + np.array([np.cos(angle), np.sin(angle)]) * max(width, height)
            cv2.line(light, flare_center, end.astype(int).tolist(), self.src_color, _SPIKE_WIDTH)
        for _, centre, size, colour in circles:
            cv2.circle(light, centre, int(size**0.33), colour, -1)

        step = _step(_FLARE_BLUR, (height, width))
        coarse = _blurred(light, _FLARE_BLUR, cv2.BORDER_REFLECT_101, step)
        y, x = (_coarse_places(side, step) for side in (height, width))
        distance = np.hypot(x - flare_center[0], y[:, None] - flare_center[1])
        fading = 1 - np.clip(distance / (max(width, height) * _FLARE_REACH), 0, 1)
        coarse *= fading[..., None].astype(np.float32)
        for channel, deviation in _COLOUR_BLURS.items():
            coarse[..., channel] = cv2.GaussianBlur(coarse[..., channel], (0, 0), deviation / step)
        left = 1 - _refined(coarse, step, (height, width)) / 255
        return np.clip(255 - (255 - img) * left, 0, 255).astype(np.uint8)


def _maps(displacement: Field) -> dict[str, Field]:
    """Returns the maps of a displacement [H, W, 2] (x, y pixels), as albumentations names them."""
    height, width = displacement.shape[:2]
    return {
        "map_x": displacement[..., 0] + np.arange(width, dtype=np.float32),
        "map_y": displacement[..., 1] + np.arange(height, dtype=np.float32)[:, None],
    }


def _blurred(field: Field, deviation: float, border: int, step: int) -> Field:
    """Returns a field [H, W, ...] blurred by a Gaussian of this standard deviation (pixels), at coarse places."""
    down, along = (_blur(side, deviation, border, step) for side in field.shape[:2])
    lines = down @ field.reshape(len(field), -1)  # [h, W * ...]
    return np.ascontiguousarray(np.tensordot(along, lines.reshape(len(down), *field.shape[1:]), (1, 1)).swapaxes(0, 1))


@lru_cache(maxsize=16)
def _blur(side: int, deviation: float, border: int, step: int) -> Field:
    """Returns what each of a line's pixels weighs at each coarse place of a line that is blurred, [places, pixels].

    The border is OpenCV's: what is read beyond the line.
    """
    places = _coarse_places(side, step)
    reach = round(_REACH * deviation + _MARGIN * step)
    pixels = np.arange(-reach, side + step + reach)
    away = np.abs(places[:, None] - pixels) / deviation
    weights = np.where(away < _REACH, np.exp(-(away**2) / 2), 0)  # not next to 0: such numbers are slow
    weights /= weights.sum(axis=1, keepdims=True)
    read = [cv2.borderInterpolate(pixel, side, border) for pixel in pixels.tolist()]
    folded = np.zeros((side, len(places)))
    np.add.at(folded, read, weights.T)
    return folded.T.astype(np.float32)


def _step(deviation: float, image_hw: tuple[int, int]) -> int:
    """Returns the distance of the coarse places, pixels, at which a blurred field is known."""
    return max(1, int(min(deviation / _PER_DEVIATION, max(image_hw) / _LEAST_PLACES)))


def _coarse_places(side: int, step: int) -> NDArray[np.float64]:
    """Returns coarse places along a side, pixels: the middles of cells, some beyond both ends."""
    cells = np.arange(-_MARGIN, -(-side // step) + _MARGIN, dtype=np.float64)
    return (cells + 0.5) * step - 0.5


def _refined(coarse: Field, step: int, image_hw: tuple[int, int]) -> Field:
    """Returns a field [H, W, ...] for every pixel from its values at coarse places."""
    first = _MARGIN * step
    wide = cv2.resize(coarse, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
    return wide[first : first + image_hw[0], first : first + image_hw[1]]
