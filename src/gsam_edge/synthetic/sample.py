"""The sample world: bags on two inspection lines, imaged by a cheap industrial camera."""

from math import cos, log, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.synthetic.bag import Bag, draw_bag, light_surface
from gsam_edge.synthetic.belt import Image, blend, draw_belt, draw_occluder, drop_shadow, litter
from gsam_edge.synthetic.card import stick_label
from gsam_edge.synthetic.defects import draw_spot
from gsam_edge.synthetic.line import Line
from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.texture import uneven_light

# Each pair differs in one attribute alone: a tie, a cut through the cloth, a barcode.
EARS = ("open ear of bag", "tied ear of bag")
SPOTS = ("oily spot", "torn spot")
LABELS = ("text label", "barcode label")

#: The sample's classes in category order.
SAMPLE_CLASSES = (*EARS, *SPOTS, *LABELS)

Masks = list[tuple[str, NDArray[np.bool_]]]


class SampleWorldConfig(BaseModel):
    """What the sample dataset holds and what its images may show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(ge=0, description="seed of the whole dataset")
    train: int = Field(ge=1, description="labelled images to train on, of line A")
    val: int = Field(ge=0, description="labelled images to choose by, of line A")
    test: int = Field(ge=0, description="labelled images to measure on, of both lines")
    held_back: int = Field(ge=0, description="images of both lines whose truth only an oracle may see")
    unlabelled: int = Field(ge=0, description="images of both lines without annotations")
    line_b_share: float = Field(ge=0, le=1, description="share of line B where both lines are shown")
    image_size: int = Field(ge=96, description="side of the square image, pixels")
    polygon_tolerance: float = Field(ge=0, description="how far a polygon may leave its mask's outline, pixels")
    jpeg_quality: int = Field(ge=1, le=100, description="quality of the JPEG files")
    empty_probability: float = Field(ge=0, le=1, description="share of images without any object")
    max_ears: int = Field(ge=1, le=4, description="most ears of a bag")
    max_defects: int = Field(ge=0, description="most defects of a bag")
    min_defect: float = Field(ge=8, description="longer side of the smallest defect, pixels")
    max_defect: float = Field(ge=8, description="longer side of the largest defect, pixels")
    max_labels: int = Field(ge=0, description="most labels of a bag")
    max_litter: int = Field(ge=0, description="most look-alikes on the belt")
    occluder_probability: float = Field(ge=0, le=1, description="share of images with something before the camera")
    min_visible: float = Field(gt=0, le=1, description="share of every object that stays visible")
    light_strength: float = Field(ge=0, le=1, description="unevenness of the light, as a factor")
    max_blur: float = Field(gt=0, description="largest defocus, standard deviation in pixels")
    max_motion: float = Field(ge=1, description="largest motion blur, pixels")
    max_noise: float = Field(gt=0, le=1, description="largest sensor noise, standard deviation at full brightness 0..1")


def _free_place(
    rng: np.random.Generator, free: NDArray[np.bool_], clearance: float, margin: NDArray[np.float32]
) -> tuple[float, float] | None:
    """Draws a free place (x, y), `clearance` pixels from occupied pixels and the frame; None if there is none.

    Args:
        rng: random generator.
        free: bool [H, W].
        clearance: pixels.
        margin: float32 [H, W], distance to the frame in pixels.
    """
    room = np.minimum(cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 5), margin)
    places = np.argwhere(room > clearance)
    if not len(places):
        return None
    y, x = places[rng.integers(len(places))]
    return float(x), float(y)


def _counts(rng: np.random.Generator, config: SampleWorldConfig) -> tuple[int, int, int]:
    """Draws how many ears, defects and labels a bag has: mostly two, one and one."""
    ears = min(int(rng.choice([1, 2, 3, 4], p=[0.3, 0.5, 0.1, 0.1])), config.max_ears)
    defects = min(int(rng.choice([0, 1, 2, 3], p=[0.18, 0.45, 0.27, 0.1])), config.max_defects)
    labels = min(int(rng.choice([0, 1, 2], p=[0.18, 0.57, 0.25])), config.max_labels)
    return ears, min(defects, 6 - ears - min(labels, 1)), labels if ears + defects + labels <= 6 else 1


def _furnish(rng: np.random.Generator, bag: Bag, defects: int, labels: int, config: SampleWorldConfig) -> Masks:
    """Draws labels, then defects, on a bag's body; those without room are left out, later ones hide earlier ones."""
    side = len(bag.body)
    unit = side / 320
    steps = np.minimum(np.arange(side), np.arange(side)[::-1]).astype(np.float32)
    margin = np.minimum(steps[:, None], steps[None, :])
    ears = np.asarray(bag.ears.any(axis=0))
    whole = bag.surface.copy()
    free = bag.body.copy()
    drawn: Masks = []
    for pair in [LABELS] * labels + [SPOTS] * defects:
        name = pair[rng.integers(2)]
        length = float(
            np.exp(rng.uniform(log(config.min_defect), log(config.max_defect)))
        )  # small ones are as frequent
        place = _free_place(rng, free, 36 * unit if pair is LABELS else 0.5 * length + 4 * unit, margin)
        if place is None:
            continue
        if pair is LABELS:
            tilt = rng.normal(0, 0.2) + (pi / 2) * rng.integers(4)
            mask = stick_label(rng, bag.surface, place, bag.angle + tilt, unit, barcode=name == LABELS[1])
        else:
            mask = draw_spot(rng, bag.surface, place, length, torn=name == SPOTS[1])
        mask = mask & bag.body
        free &= ~mask
        drawn = [(other, below & ~mask) for other, below in drawn] + [(name, mask)]
    bag.surface.restore(whole, ears)
    return drawn


def _enough_visible(masks: Masks, hidden: NDArray[np.bool_], min_visible: float) -> bool:
    """Whether every object keeps its share of visible pixels or is hidden completely."""
    shares = (np.count_nonzero(mask & ~hidden) / np.count_nonzero(mask) for _, mask in masks)
    return all(share >= min_visible or share == 0 for share in shares)


def _photograph(
    rng: np.random.Generator, scene: Image, angle: float, line: Line, config: SampleWorldConfig
) -> NDArray[np.uint8]:
    """Simulates the camera: uneven light, exposure, white balance, blur along the belt or from focus, shot noise."""
    image = scene * uneven_light(rng, scene.shape[:2], config.light_strength)[..., None]
    white = np.array(line.white, np.float32) * rng.uniform(0.96, 1.04, 3).astype(np.float32)
    image *= np.float32(rng.uniform(*line.exposure)) * white
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.45, config.max_blur))
    if rng.random() < 0.35:
        steps = np.linspace(-0.5, 0.5, 9) * rng.uniform(1, config.max_motion)
        kernel = np.zeros((9, 9), np.float32)
        for step in steps:
            kernel[round(4 + step * sin(angle)), round(4 + step * cos(angle))] += 1
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    haze = np.float32(rng.uniform(0, 0.06))
    image = haze + (1 - haze) * np.power(np.clip(image, 0, 1), rng.uniform(0.75, 0.95), dtype=np.float64).astype(
        np.float32
    )
    deviation = np.float32(rng.uniform(0.3, 1) * config.max_noise) * np.sqrt(0.1 + image)
    grey = rng.standard_normal((*image.shape[:2], 1), dtype=np.float32)
    colour = cv2.GaussianBlur(rng.standard_normal(image.shape, dtype=np.float32), (0, 0), 0.8)
    image = image + deviation * (np.float32(0.6) * grey + np.float32(0.8) * colour)
    return (np.clip(image, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)


def draw_sample_scene(rng: np.random.Generator, config: SampleWorldConfig, line: Line) -> Scene:
    """Draws one image of an inspection line.

    Args:
        rng: random generator; the same state draws the same image.
        config: limits of the world; counts, seed and JPEG quality are not used here.
        line: belt, lamp and exposure.

    Returns:
        A scene of `image_size` pixels whose phrases are class names; about `empty_probability` of all hold no object.
    """
    side = config.image_size
    angle = float(rng.normal(0, 0.06) + (pi / 2 if rng.random() < 0.5 else 0))
    image = draw_belt(rng, side, angle, line)
    empty = rng.random() < config.empty_probability
    ears, defects, labels = (0, 0, 0) if empty else _counts(rng, config)
    tied = rng.random(ears) < 0.5
    bag = draw_bag(rng, side, tied.tolist())
    with_bag = not empty or rng.random() < 0.5
    cover = bag.surface.cover if with_bag else np.zeros((side, side), np.float32)
    keep_out = cv2.dilate(cover, np.ones((7, 7), np.uint8))
    for _ in range(int(rng.integers(config.max_litter + 1))):
        litter(rng, image, keep_out)
    masks: Masks = [(EARS[int(has_tie)], mask) for has_tie, mask in zip(tied, bag.ears, strict=True)]
    azimuth, elevation = rng.uniform(0, 2 * pi), rng.uniform(*line.elevation)
    if with_bag:
        masks += _furnish(rng, bag, defects, labels, config)
        reach = rng.uniform(*line.reach) * side / 320
        drop_shadow(
            image, cover, (-cos(azimuth) * reach, -sin(azimuth) * reach), reach * 0.5, rng.uniform(*line.shadow)
        )
        drop_shadow(image, cover, (0, 0), 3.0, 0.5)
        blend(image, cover, light_surface(bag.surface, azimuth, elevation))
    hidden = np.zeros((side, side), bool)
    if rng.random() < config.occluder_probability:
        telling = bag.necks.copy()  # what tells look-alikes apart is never hidden
        for name, mask in masks:
            telling |= mask & (name in LABELS)
        for _ in range(20):
            front, paint = draw_occluder(rng, side, angle)
            if not np.any(telling & (front > 0.5)) and _enough_visible(masks, front > 0.5, config.min_visible):
                drop_shadow(image, front, (-cos(azimuth) * 5, -sin(azimuth) * 5), 3.0, 0.4)
                blend(image, front, paint)
                hidden = front > 0.5
                break
    visible = [(name, mask & ~hidden) for name, mask in masks if np.any(mask & ~hidden)]
    return Scene(
        image=_photograph(rng, image, angle, line, config),
        masks=np.array([mask for _, mask in visible], bool).reshape(-1, side, side),
        phrases=tuple(name for name, _ in visible),
    )
