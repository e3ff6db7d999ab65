"""What a cheap industrial camera does to the workshop's images."""

from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.synthetic.texture import rotated_grid, uneven_light

Image = NDArray[np.float32]


class OpticsConfig(BaseModel):
    """How far light and camera may spoil an image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    light_strength: float = Field(ge=0, le=1, description="unevenness of the light, as a factor")
    glare_probability: float = Field(ge=0, le=1, description="share of images with a reflection of a lamp")
    defocus_probability: float = Field(ge=0, le=1, description="share of images out of focus")
    max_defocus: float = Field(gt=0.4, description="largest defocus, standard deviation in pixels")
    motion_probability: float = Field(ge=0, le=1, description="share of images with motion blur")
    max_motion: float = Field(ge=1, le=8, description="longest motion blur, pixels")
    max_noise: float = Field(ge=0, le=1, description="largest sensor noise, standard deviation at full brightness 0..1")


def photograph(rng: np.random.Generator, scene: Image, config: OpticsConfig) -> NDArray[np.uint8]:
    """Renders the image that a cheap camera takes of a scene float32 [H, W, 3] in 0..1: uint8 [H, W, 3].

    The light changes brightness by less than a colour word spans, so that white never looks grey.
    """
    light = np.clip(uneven_light(rng, scene.shape[:2], config.light_strength), 0.72, 1.3)
    balance = np.float32(rng.uniform(0.85, 1.12)) * rng.uniform(0.95, 1.05, 3).astype(np.float32)
    image = scene * light[..., None] * balance
    if rng.random() < config.glare_probability:
        image += _glare(rng, scene.shape[:2])[..., None]
    if rng.random() < config.defocus_probability:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, config.max_defocus))
    if rng.random() < config.motion_probability:
        image = cv2.filter2D(image, -1, _motion(rng, rng.uniform(1, config.max_motion)))
    haze = np.float32(rng.uniform(0, 0.05))
    image = haze + (1 - haze) * np.clip(image, 0, 1)
    noise = np.float32(rng.uniform(0, config.max_noise)) * np.sqrt(0.1 + image)
    grey = rng.standard_normal((*image.shape[:2], 1), dtype=np.float32)
    colour = rng.standard_normal(image.shape, dtype=np.float32)
    image = image + noise * (np.float32(0.8) * grey + np.float32(0.5) * colour)
    return (np.clip(image, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)


def _glare(rng: np.random.Generator, hw: tuple[int, int]) -> NDArray[np.float32]:
    """Returns added brightness [H, W] of one lamp's reflection, a spot or a long tube, without a clear outline."""
    side = max(hw)
    u, v = rotated_grid(hw, (float(rng.uniform(0, hw[1])), float(rng.uniform(0, hw[0]))), rng.uniform(0, pi))
    width = rng.uniform(0.05, 0.14) * side
    length = width * rng.uniform(1, 8)
    distance = (u / np.float32(length)) ** 2 + (v / np.float32(width)) ** 2
    return np.float32(rng.uniform(0.12, 0.4)) * np.exp(-distance)


def _motion(rng: np.random.Generator, length: float) -> NDArray[np.float32]:
    """Returns a kernel float32 [9, 9] of a straight motion of some pixels."""
    angle = rng.uniform(0, pi)
    kernel = np.zeros((9, 9), np.float32)
    for step in np.linspace(-length / 2, length / 2, 33):
        kernel[round(4 + step * sin(angle)), round(4 + step * cos(angle))] += 1
    return kernel / kernel.sum()
