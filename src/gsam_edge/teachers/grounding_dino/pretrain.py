"""Pretraining of the tiny Grounding DINO on the general world."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.workshop import WORKSHOP_WORDS, WorkshopConfig, draw_workshop_scene
from gsam_edge.teachers.grounding_dino.batch import GroundingDinoBatch
from gsam_edge.teachers.grounding_dino.config import PretrainGroundingDinoConfig
from gsam_edge.teachers.grounding_dino.library import TunableMMGroundingDino, freeze_backbone, thaw_backbone
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.grounding_dino.model import GroundingDino
from gsam_edge.teachers.grounding_dino.pretrain_batch import prompt_classes, scene_batch, scene_truth
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino, with_input_size
from gsam_edge.training.loop import train
from gsam_edge.training.run import Run
from gsam_edge.vision import Detections

#: First parts of the seeds of training, held-out and validation scenes, so that these differ.
_TRAINING, _HELD_OUT, _VALIDATION = 0, 1, 2


def pretrain_grounding_dino(
    config: PretrainGroundingDinoConfig,
    world: WorkshopConfig,
    *,
    run: Run,
) -> tuple[GroundingDino, dict[str, Any]]:
    """Trains a tiny Grounding DINO from random weights on scenes drawn as they are needed.

    Args:
        config: network, loss, schedule and evaluation.
        world: limits of the world.
        run: its log receives `grounding_dino_pretraining/...` metrics; its seed is that of weights, scenes and prompts.

    Returns:
        The detector with its backbone frozen, as the library stores it, and a report: `parameters`, `steps`, `scenes`,
        `seconds`, `held_out_scenes` and `held_out_ap50` (see `held_out_ap50`).
    """
    grounding_dino = build_tiny_grounding_dino(config.model, WORKSHOP_WORDS, seed=run.seed)
    model = grounding_dino.model
    side = config.smaller_first.image_size if config.smaller_first else config.model.image_size
    smaller = with_input_size(grounding_dino, side), world.model_copy(update={"image_size": side})
    small_scenes = config.smaller_first.epochs * config.epoch_scenes if config.smaller_first else 0
    thaw_backbone(model)
    model.to(run.device, memory_format=torch.channels_last)

    def batches(step: int) -> GroundingDinoBatch:
        rng = np.random.default_rng([run.seed, _TRAINING, step])
        is_small = step * config.batch_size < small_scenes
        learner, own_world = smaller if is_small else (grounding_dino, world)
        scenes = [draw_workshop_scene(rng, own_world) for _ in range(config.batch_size)]
        return scene_batch(learner, scenes, rng, config.absent_phrases)

    def losses(network: TunableMMGroundingDino, batch: GroundingDinoBatch) -> dict[str, Tensor]:
        return grounding_dino_losses(network, batch, config.loss)

    def validate(_: TunableMMGroundingDino) -> dict[str, float]:
        return _scenes_metrics(grounding_dino, config, world, [run.seed, _VALIDATION])

    result = train(
        model,
        batches,
        losses,
        config.loop,
        name="grounding_dino_pretraining",
        run=run,
        epoch_images=config.epoch_scenes,
        batch_size=config.batch_size,
        validate=validate,
    )
    freeze_backbone(model)
    report = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": result.steps,
        "scenes": result.images,
        "seconds": round(result.seconds, 1),
        "held_out_scenes": config.held_out_scenes,
        "held_out_ap50": round(held_out_ap50(grounding_dino, config, world, seed=run.seed), 4),
    }
    return grounding_dino, report


def held_out_ap50(
    grounding_dino: GroundingDino, config: PretrainGroundingDinoConfig, world: WorkshopConfig, *, seed: int
) -> float:
    """Returns the class-aware AP50 on held-out scenes, used neither for training nor for validation.

    Each scene is prompted with its own phrases and `absent_phrases` others. A detection is correct when it overlaps,
    with an IoU of at least 0.5, an unmatched object with exactly the phrase it was found for. The detections of all
    scenes and phrases are ranked together and give one average precision: most phrases are too rare for one of their
    own.
    """
    return _scenes_metrics(grounding_dino, config, world, [seed, _HELD_OUT])["ap50"]


def _scenes_metrics(
    grounding_dino: GroundingDino, config: PretrainGroundingDinoConfig, world: WorkshopConfig, stream: list[int]
) -> dict[str, float]:
    truths, predictions = [], []
    for index in range(config.held_out_scenes):
        rng = np.random.default_rng([*stream, index])
        scene = draw_workshop_scene(rng, world)
        names = prompt_classes(rng, scene, config.absent_phrases)
        truths.append(_pooled(scene_truth(scene, names), scene))
        predictions.append(_pooled(grounding_dino.predict_batch([scene.image], names, config.detection)[0], scene))
    return {f"ap{round(100 * iou)}": average_precision(truths, predictions, iou) for iou in (0.5, 0.75)}


def _pooled(detections: Detections, scene: Scene) -> Detections:
    """Returns the objects as one class, each class moved to its own region, so that only boxes of a class overlap."""
    shift = detections.class_ids[:, None] * 2 * max(scene.image.shape[:2])
    xyxy = (detections.xyxy + shift).astype(np.float32)
    return Detections(xyxy, detections.scores, np.zeros(len(detections), np.int64))
