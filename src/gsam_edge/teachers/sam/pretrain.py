"""Pretraining of the tiny SAM from random weights on the workshop world."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.workshop import WorkshopConfig, draw_workshop_scene
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.lora.layers import count_parameters
from gsam_edge.teachers.outlining.loss import prompted_losses
from gsam_edge.teachers.outlining.model import predict_image
from gsam_edge.teachers.outlining.prompts import Prompts, drawn_prompts
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.config import PretrainSamConfig
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.training.checkpoints import CheckpointStore
from gsam_edge.training.loop import train
from gsam_edge.training.run import Run
from gsam_edge.training.seed import derived_seed, seed_everything
from gsam_edge.vision.masks import masks_to_xyxy, paired_iou

# Separate random streams: training scenes, validation scenes, the held-out scenes of the report.
_TRAINING, _VALIDATION, _HELD_OUT = 1, 2, 3

_POSITIONS = "image_encoder.pos_embed"


class _Batch(list[tuple[NDArray[np.uint8], Prompts]]):
    """Images uint8 [S, S, 3] RGB, each with its prompts."""


@dataclass(frozen=True)
class _StageCheckpoints:
    """Checkpoints of one stage: the run's store, without the states of other stages."""

    store: CheckpointStore
    stage: int

    def open(self, fingerprint: str) -> "_StageCheckpoints":
        return _StageCheckpoints(self.store.open(fingerprint), self.stage)

    def save(self, state: dict[str, Any]) -> None:
        self.store.save({**state, "stage": self.stage})

    def load(self) -> dict[str, Any] | None:
        state = self.store.load()
        return state if state is not None and state["stage"] == self.stage else None

    def clear(self) -> None:
        self.store.clear()


def pretrain_sam(
    config: PretrainSamConfig,
    world: WorkshopConfig,
    *,
    run: Run,
) -> tuple[SamModel, dict[str, Any]]:
    """Trains a SAM on scenes that are drawn as they are needed, prompted with jittered boxes.

    Args:
        config: architecture, stages, loss.
        world: limits of the world.
        run: its log receives `sam_pretraining_<stage>_<side>px/...`, the mean IoU from true boxes as validation score;
            its seed is that of weights, scenes and prompts.

    Returns:
        The model on the CPU and a report: `held_out_mean_iou` and `held_out_objects` from true boxes on scenes of a
        seed of their own, drawn at the world's own size, `parameters`, `scenes` of all stages, and `seconds` of this
        process.
    """
    seed_everything(run.seed)
    first = config.architecture.model_copy(update={"image_size": config.stages[0].image_size})
    sam = SamModel(build_sam(first), first, "tiny_sam")
    reached = (run.checkpoints.load() or {"stage": 0})["stage"]
    seconds = 0.0
    for index, stage in enumerate(config.stages):
        sam = resize_input(sam, stage.image_size)
        if index < reached:
            continue
        started = time.monotonic()
        own = replace(run, checkpoints=_StageCheckpoints(run.checkpoints, index))
        _train_stage(sam, config, world, index, run=own)
        seconds += time.monotonic() - started

    mean_iou, objects = held_out_iou(sam, config, world, seed=run.seed)
    report = {
        "held_out_mean_iou": mean_iou,
        "held_out_objects": objects,
        "parameters": count_parameters(sam.model)[1],
        "scenes": sum(stage.loop.epochs for stage in config.stages) * config.epoch_scenes,
        "seconds": seconds,
    }
    sam.model.cpu().requires_grad_(False)
    return sam, report


def _train_stage(
    sam: SamModel,
    config: PretrainSamConfig,
    world: WorkshopConfig,
    index: int,
    *,
    run: Run,
) -> None:
    stage = config.stages[index]
    own_world = world.model_copy(update={"image_size": stage.image_size})
    validation = _scenes(own_world, derived_seed(run.seed, _VALIDATION, index), config.validation_images)
    _train_what_a_box_reaches(sam.model)
    sam.model.to(run.device)

    def batches(step: int) -> _Batch:
        rng = np.random.default_rng(derived_seed(run.seed, _TRAINING, index, step))
        return _Batch(
            _prompted(sam, draw_workshop_scene(rng, own_world), config.box_jitter, stage.objects_per_image, rng)
            for _ in range(stage.batch_size)
        )

    def step_loss(_: nn.Module, batch: _Batch) -> dict[str, Tensor]:
        features = sam.embed([image for image, _ in batch])
        return prompted_losses(sam, features, [prompts for _, prompts in batch], config.loss, multimask=False)

    train(
        sam.model,
        batches,
        step_loss,
        stage.loop,
        name=f"sam_pretraining_{index + 1}_{stage.image_size}px",
        run=replace(run, seed=derived_seed(run.seed, index)),
        epoch_images=config.epoch_scenes,
        batch_size=stage.batch_size,
        validate=lambda _: {"mean_iou": mean_iou_from_boxes(sam, validation)[0]},
    )


def resize_input(sam: SamModel, image_size: int) -> SamModel:
    """Returns the model for another input size: positions of the image encoder are interpolated, the rest is kept.

    Args:
        sam: with absolute positions only.
        image_size: side of the new input in pixels.

    Returns:
        A new model, or the same one where the size is right already.

    Raises:
        BaseModelError: if the architecture has relative positions, whose tables would have to be resampled as well.
    """
    if image_size == sam.architecture.image_size:
        return sam
    if sam.architecture.encoder_relative_positions:
        raise BaseModelError("resize_input: expected the parameter encoder_relative_positions to be false, got true")
    architecture = sam.architecture.model_copy(update={"image_size": image_size})
    state = sam.model.state_dict()
    channels_first = state[_POSITIONS].permute(0, 3, 1, 2)
    grid = (architecture.grid, architecture.grid)
    state[_POSITIONS] = functional.interpolate(channels_first, grid, mode="bicubic").permute(0, 2, 3, 1)
    model = build_sam(architecture)
    model.load_state_dict(state)
    return SamModel(model.to(sam.model.device), architecture, sam.name)


def held_out_iou(sam: SamModel, config: PretrainSamConfig, world: WorkshopConfig, *, seed: int) -> tuple[float, int]:
    """Returns `mean_iou_from_boxes` on scenes used neither for training nor for validation."""
    return mean_iou_from_boxes(sam, _scenes(world, derived_seed(seed, _HELD_OUT), config.held_out_images))


def mean_iou_from_boxes(sam: SamModel, scenes: list[Scene]) -> tuple[float, int]:
    """Returns the mean IoU of SAM's masks for the tight boxes of the scenes' objects, and the number of objects."""
    ious: list[float] = []
    for scene in scenes:
        masks, _ = predict_image(sam, scene.image, masks_to_xyxy(scene.masks), multimask=False)
        ious.extend(paired_iou(masks, scene.masks).tolist())
    return float(np.mean(ious)), len(ious)


def _scenes(world: WorkshopConfig, seed: int, count: int) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [draw_workshop_scene(rng, world) for _ in range(count)]


def _prompted(
    sam: SamModel, scene: Scene, jitter: float, at_most: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Prompts]:
    boxes = masks_to_xyxy(scene.masks)
    return scene.image, drawn_prompts(sam, boxes, scene.masks, box_jitter=jitter, at_most=at_most, rng=rng)


def _train_what_a_box_reaches(model: nn.Module) -> None:
    """Freezes weights of mask prompts and padding points; those of points and ambiguous masks get no gradient."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("mask_downscaling" not in name and "not_a_point" not in name)
