"""Pretraining of a student on drawn images of the general world."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from gsam_edge.coco import Annotations
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.family import StudentTraining, StudentValidation
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.pretrain_config import PretrainStudentConfig
from gsam_edge.students.table import family_of
from gsam_edge.synthetic.general import GeneralWorldConfig, draw_general_scene
from gsam_edge.synthetic.shapes import MARKS, SHAPES
from gsam_edge.training.run import Run
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xyxy_to_xywh
from gsam_edge.vision.masks import masks_to_xyxy

# Its tensors also initialise a detector, which has the same layers except those for masks.
_ARCHITECTURE = "yolov8-seg"
_SHAPES = (*SHAPES, *MARKS)


def pretrain_student(
    config: PretrainStudentConfig,
    world: GeneralWorldConfig,
    *,
    run: Run,
) -> StudentTraining:
    """Trains a YOLOv8-seg on the general world; its classes are the shapes.

    Args:
        config: number of images, network and schedule.
        world: what is drawn.
        run: its log receives `student/...` at each validation; its seed is that of images, initial weights and order.

    Returns:
        The training; its weights, from which every student can start, are in half precision.
    """
    drawn = [_draw(world, run.seed, part, count) for part, count in enumerate((config.images, config.held_out))]
    (learnt, drawn_images), (held_out, unseen) = drawn

    def validate(predict: Callable[[NDArray[np.uint8]], Detections]) -> StudentValidation:
        truths = [held_out.truth(image["id"], masks=False) for image in held_out.images]
        ap50 = average_precision(truths, [predict(drawn_image) for drawn_image in unseen.values()], 0.5)
        return StudentValidation(ap50, {"box_map50": ap50})

    trained = family_of(_ARCHITECTURE).train(
        LabelledImages.of_split(learnt, drawn_images, None),
        StudentChoice(_ARCHITECTURE, config.student, "its layers start every other student too"),
        config.training,
        losses={},
        pseudo_weight=0.0,  # every drawn image has its truth
        initial=None,
        validate=validate,
        run=run,
    )
    return replace(trained, weights=trained.weights.half())


def _draw(
    world: GeneralWorldConfig, seed: int, part: int, count: int
) -> tuple[Annotations, dict[str, NDArray[np.uint8]]]:
    """Draws images of the general world by name, with their objects; a class is a shape, the last word of a phrase."""
    drawn_images: dict[str, NDArray[np.uint8]] = {}
    objects: list[dict[str, Any]] = []
    for number in track(range(count), description="general world"):
        scene = draw_general_scene(np.random.default_rng(derived_seed(seed, part, number)), world)
        drawn_images[str(number)] = scene.image
        for mask, xyxy, phrase in zip(scene.masks, masks_to_xyxy(scene.masks), scene.phrases, strict=True):
            objects.append(
                {
                    "id": len(objects),
                    "image_id": number,
                    "category_id": _SHAPES.index(phrase.rsplit(maxsplit=1)[-1]),
                    "bbox": xyxy_to_xywh(xyxy)[0].tolist(),
                    "segmentation": encode_mask(mask),
                }
            )
    side = {"height": world.image_size, "width": world.image_size}
    images = tuple({"id": number, "file_name": str(number), **side} for number in range(count))
    categories = tuple({"id": index, "name": shape} for index, shape in enumerate(_SHAPES))
    return Annotations(images, tuple(objects), categories), drawn_images
