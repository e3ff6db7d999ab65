"""The steel dataset: strips as JPEG files with COCO annotations."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from rich.progress import track

from gsam_edge.coco import Annotations
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.synthetic.sample_dataset import SampleDataset, jpeg_of
from gsam_edge.synthetic.steel.config import STEEL_CLASSES, SteelWorldConfig
from gsam_edge.synthetic.steel.flaws import FLAWS
from gsam_edge.synthetic.steel.strip import draw_strip
from gsam_edge.synthetic.texture import sensor

#: Parts of the dataset in the order of their seeds; only the first one's labels may be wrong.
_PARTS = ("train", "val", "test")
#: A defect of fewer pixels that are to be seen is drawn again: nobody would label it.
_LEAST_PIXELS, _TRIALS = 14, 20


class Strip(NamedTuple):
    """One image of a strip.

    Attributes:
        image: uint8 [H, W, 3] RGB, grey.
        defects: class name and mask, bool [H, W], of each.
    """

    image: NDArray[np.uint8]
    defects: tuple[tuple[str, NDArray[np.bool_]], ...]


def build_steel(config: SteelWorldConfig) -> SampleDataset:
    """Draws the whole steel dataset; the same config gives the same bytes.

    Each image has a seed of its own, so it stays the same when the dataset's counts change. Its labels have another
    one, so that their noise changes no image.
    """
    seeds = dict(zip(_PARTS, np.random.SeedSequence(config.seed).spawn(len(_PARTS)), strict=True))
    images: dict[str, bytes] = {}
    records: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for part in _PARTS:
        for number, (strip, rng) in enumerate(_drawn(config, part, seeds[part]), start=1):
            image_id, file_name = len(records) + 1, f"images/{part}_{number:04d}.jpg"
            images[file_name] = jpeg_of(strip.image[..., 0], config.jpeg_quality)
            size = {"width": config.image_width, "height": config.image_height}
            records.append({"id": image_id, "file_name": file_name, **size, "split": part})
            defects = _mislabelled(rng, strip.defects, config) if part == "train" else strip.defects
            for name, mask in defects:
                category_id = STEEL_CLASSES.index(name) + 1
                objects.append(
                    {"id": len(objects) + 1, "image_id": image_id, "category_id": category_id, **_shape(mask)}
                )
    categories = tuple({"id": number, "name": name} for number, name in enumerate(STEEL_CLASSES, start=1))
    info = {"info": {"description": "gsam_edge steel: generated strips with four kinds of defect", "version": "1.0"}}
    return SampleDataset(Annotations(tuple(records), tuple(objects), categories, info), images, {})


def draw_steel(rng: np.random.Generator, config: SteelWorldConfig) -> Strip:
    """Draws one strip, good or with defects of one kind or two."""
    brightness, steel = draw_strip(rng, config)
    defects: list[tuple[str, NDArray[np.bool_]]] = []
    for name in _kinds(rng, config):
        for _ in range(1 + int(rng.random() < 0.35)):
            drawn = _defect(rng, name, brightness, steel, [mask for _, mask in defects])
            if drawn is not None:
                brightness, mask = drawn
                defects.append((name, mask))
    blurred = cv2.GaussianBlur(brightness, (0, 0), rng.uniform(0.3, 0.7))
    grey = np.repeat(blurred[..., None], 3, axis=2)
    return Strip(sensor(rng, grey, rng.uniform(0.15, 1) * config.max_noise), tuple(defects))


def _kinds(rng: np.random.Generator, config: SteelWorldConfig) -> list[str]:
    """Draws which kinds of defect a strip has; () for a good one."""
    if rng.random() < config.good_share:
        return []
    shares = [config.frequencies[name] for name in STEEL_CLASSES]
    count = 2 if rng.random() < config.second_kind and np.count_nonzero(shares) > 1 else 1
    return [str(name) for name in rng.choice(STEEL_CLASSES, count, replace=False, p=shares)]


def _defect(
    rng: np.random.Generator,
    name: str,
    brightness: NDArray[np.float32],
    steel: NDArray[np.bool_],
    others: list[NDArray[np.bool_]],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Draws a defect where there is steel and no other defect; None where no place was found.

    Returns:
        The brightness with it, float32 [H, W], and its mask, bool [H, W].
    """
    for _ in range(_TRIALS):
        tried = brightness.copy()
        mask = FLAWS[name](rng, tried) & steel
        if mask.sum() >= _LEAST_PIXELS and not any((mask & other).any() for other in others):
            return np.where(steel, tried, brightness), mask
    return None


def _drawn(
    config: SteelWorldConfig, part: str, seed: np.random.SeedSequence
) -> Iterator[tuple[Strip, np.random.Generator]]:
    """Draws the images of one part, each with what draws the noise of its labels."""
    for image_seed in track(seed.spawn(getattr(config, part)), f"strips of {part}"):
        of_image, of_labels = image_seed.spawn(2)
        yield draw_steel(np.random.default_rng(of_image), config), np.random.default_rng(of_labels)


def _mislabelled(
    rng: np.random.Generator, defects: tuple[tuple[str, NDArray[np.bool_]], ...], config: SteelWorldConfig
) -> tuple[tuple[str, NDArray[np.bool_]], ...]:
    """Returns the labels of a training strip: in some of them one defect is left out, or has another kind's name."""
    if not defects or rng.random() >= config.label_noise:
        return defects
    at = int(rng.integers(len(defects)))
    name, mask = defects[at]
    wrong = () if rng.random() < 0.5 else ((str(rng.choice([kind for kind in STEEL_CLASSES if kind != name])), mask),)
    return (*defects[:at], *wrong, *defects[at + 1 :])


def _shape(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Returns COCO's fields of an exact mask."""
    rle = encode_mask(mask)
    return {
        "bbox": [float(value) for value in coco_mask.toBbox(rle)],
        "area": float(mask.sum()),
        "segmentation": rle,
        "iscrowd": 0,
    }
