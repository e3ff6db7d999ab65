"""The sample dataset: images of the inspection line as JPEG files with COCO annotations."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from rich.progress import track

from gsam_edge.coco import Annotations
from gsam_edge.coco.geometry.segmentation import segmentation_to_rle
from gsam_edge.synthetic.polygons import mask_to_polygons
from gsam_edge.synthetic.sample import SAMPLE_CLASSES, SampleWorldConfig, draw_sample_scene


@dataclass(frozen=True)
class SampleDataset:
    """The sample dataset in memory.

    Attributes:
        annotations: boxes and polygons of the labelled images.
        images: `file_name` to the JPEG file's bytes, labelled.
        unlabelled: `file_name` to the JPEG file's bytes, without annotations.
    """

    annotations: Annotations
    images: dict[str, bytes]
    unlabelled: dict[str, bytes]


def build_sample(config: SampleWorldConfig) -> SampleDataset:
    """Draws the whole sample dataset; the same config gives the same bytes.

    Each image has a seed of its own, so it stays the same when the dataset's counts change.
    """
    labelled_seeds, unlabelled_seeds = np.random.SeedSequence(config.seed).spawn(2)
    images: dict[str, bytes] = {}
    records: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    side = config.image_size
    for image_id, seed in enumerate(track(labelled_seeds.spawn(config.labelled), "labelled images"), start=1):
        scene = draw_sample_scene(np.random.default_rng(seed), config)
        file_name = f"images/{image_id:06d}.jpg"
        images[file_name] = _jpeg(scene.image, config.jpeg_quality)
        records.append({"id": image_id, "file_name": file_name, "width": side, "height": side})
        for mask, phrase in zip(scene.masks, scene.phrases, strict=True):
            category_id = SAMPLE_CLASSES.index(phrase) + 1
            shape = _annotate(mask, config.polygon_tolerance)
            objects.append({"id": len(objects) + 1, "image_id": image_id, "category_id": category_id, **shape})
    unlabelled = {
        f"unlabelled/{number:06d}.jpg": _jpeg(
            draw_sample_scene(np.random.default_rng(seed), config).image, config.jpeg_quality
        )
        for number, seed in enumerate(track(unlabelled_seeds.spawn(config.unlabelled), "unlabelled images"), start=1)
    }
    categories = tuple({"id": number, "name": name} for number, name in enumerate(SAMPLE_CLASSES, start=1))
    info = {"info": {"description": "gsam_edge sample: a generated bag inspection line", "version": "1.0"}}
    return SampleDataset(Annotations(tuple(records), tuple(objects), categories, info), images, unlabelled)


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


def _jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """Encodes an RGB image uint8 [H, W, 3] as a baseline JPEG file."""
    _, content = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return content.tobytes()
