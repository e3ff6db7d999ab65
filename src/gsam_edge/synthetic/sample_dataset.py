"""The sample dataset: images of two inspection lines as JPEG files with COCO annotations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from rich.progress import track

from gsam_edge.coco import Annotations
from gsam_edge.coco.geometry.segmentation import segmentation_to_rle
from gsam_edge.synthetic.line import LINE_A, LINE_B, Line
from gsam_edge.synthetic.polygons import mask_to_polygons
from gsam_edge.synthetic.sample import SAMPLE_CLASSES, SampleWorldConfig, draw_sample_scene
from gsam_edge.synthetic.scene import Scene

#: Parts of the dataset in the order of their seeds; only line A is labelled.
_PARTS = ("train", "val", "test", "held_back", "unlabelled")
_OF_LINE_A = ("train", "val")


@dataclass(frozen=True)
class SampleDataset:
    """The sample dataset in memory.

    Attributes:
        annotations: boxes and polygons; image records say `split` (train, val, test, held_back) and `line` (A, B).
        images: `file_name` to the JPEG file's bytes, of the images in `annotations`.
        unlabelled: `file_name` to the JPEG file's bytes, without annotations.
    """

    annotations: Annotations
    images: dict[str, bytes]
    unlabelled: dict[str, bytes]


def build_sample(config: SampleWorldConfig) -> SampleDataset:
    """Draws the whole sample dataset; the same config gives the same bytes.

    Each image has a seed of its own, so it stays the same when the dataset's counts change.
    """
    seeds = dict(zip(_PARTS, np.random.SeedSequence(config.seed).spawn(len(_PARTS)), strict=True))
    images: dict[str, bytes] = {}
    records: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    side = config.image_size
    for part in _PARTS[:-1]:
        for number, (scene, line) in enumerate(_draw(config, part, seeds[part]), start=1):
            image_id = len(records) + 1
            file_name = f"images/{part}_{number:04d}.jpg"
            images[file_name] = jpeg_of(scene.image, config.jpeg_quality)
            records.append(
                {
                    "id": image_id,
                    "file_name": file_name,
                    "width": side,
                    "height": side,
                    "split": part,
                    "line": line.name,
                }
            )
            for mask, phrase in zip(scene.masks, scene.phrases, strict=True):
                category_id = SAMPLE_CLASSES.index(phrase) + 1
                shape = _annotate(mask, config.polygon_tolerance)
                objects.append({"id": len(objects) + 1, "image_id": image_id, "category_id": category_id, **shape})
    unlabelled = {
        f"unlabelled/{number:04d}.jpg": jpeg_of(scene.image, config.jpeg_quality)
        for number, (scene, _) in enumerate(_draw(config, "unlabelled", seeds["unlabelled"]), start=1)
    }
    categories = tuple({"id": number, "name": name} for number, name in enumerate(SAMPLE_CLASSES, start=1))
    info = {"info": {"description": "gsam_edge sample: two generated bag inspection lines", "version": "2.0"}}
    return SampleDataset(Annotations(tuple(records), tuple(objects), categories, info), images, unlabelled)


def _draw(config: SampleWorldConfig, part: str, seed: np.random.SeedSequence) -> Iterator[tuple[Scene, Line]]:
    """Draws the images of one part, each with its line."""
    share = 0.0 if part in _OF_LINE_A else config.line_b_share
    for image_seed in track(seed.spawn(getattr(config, part)), f"images of {part}"):
        rng = np.random.default_rng(image_seed)
        line = LINE_B if rng.random() < share else LINE_A
        yield draw_sample_scene(rng, config, line), line


def _annotate(mask: NDArray[np.bool_], tolerance: float) -> dict[str, Any]:
    """Returns COCO's fields for one mask; box and area are those of the polygons as COCO draws them."""
    polygons = mask_to_polygons(mask, tolerance)
    height, width = mask.shape
    rle = segmentation_to_rle(polygons, (height, width))
    return {
        "bbox": [float(value) for value in coco_mask.toBbox(rle)],
        "area": float(coco_mask.area(rle)),
        "segmentation": polygons,
        "iscrowd": 0,
    }


def jpeg_of(image: NDArray[np.uint8], quality: int) -> bytes:
    """Encodes an image, uint8 [H, W, 3] RGB or [H, W] grey, as a baseline JPEG file of as many channels."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return content.tobytes()
