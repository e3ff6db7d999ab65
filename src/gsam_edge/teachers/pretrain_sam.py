"""Pretraining of the tiny SAM from random weights on the general world."""

from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from gsam_edge.synthetic.general import GeneralWorldConfig, draw_general_scene
from gsam_edge.synthetic.scene import Scene
from gsam_edge.teachers.lora import count_parameters
from gsam_edge.teachers.sam import SamModel, decode_boxes
from gsam_edge.teachers.sam_architecture import SamArchitecture, build_sam
from gsam_edge.teachers.sam_losses import Prompts, SamLossConfig, jitter_boxes, mask_targets, sam_losses
from gsam_edge.training.checkpoints import CheckpointStore
from gsam_edge.training.loop import LoopConfig, train
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.seed import derived_seed, seed_everything
from gsam_edge.vision.masks import masks_to_xyxy, paired_iou

# Streams of chance that must never meet: training scenes, validation scenes, the held-out scenes of the report.
_TRAINING, _VALIDATION, _HELD_OUT = 1, 2, 3


class PretrainSamConfig(BaseModel):
    """The tiny SAM, how it is taught and measured.

    Attributes:
        architecture: its sizes.
        loop: the schedule; a step sees `images_per_step` new scenes.
        losses: weights and box jitter.
        images_per_step: scenes of one step, each embedded once.
        objects_per_image: at most this many objects of a scene are prompted in a step, drawn anew.
        validation_images: scenes that choose the best weights.
        held_out_images: scenes, seen by nobody before, on which the report's IoU is measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: SamArchitecture
    loop: LoopConfig
    losses: SamLossConfig
    images_per_step: int = Field(gt=0)
    objects_per_image: int = Field(gt=0)
    validation_images: int = Field(gt=0)
    held_out_images: int = Field(gt=0)


class _Batch(list[tuple[Tensor, Prompts]]):
    """Images as SAM's input [1, 3, S, S], each with its prompts."""


def pretrain_sam(
    config: PretrainSamConfig,
    world: GeneralWorldConfig,
    *,
    log: MetricLogger,
    checkpoints: CheckpointStore,
    seed: int,
    device: torch.device,
) -> tuple[SamModel, dict[str, Any]]:
    """Train a SAM on scenes that are drawn as they are needed, prompted with jittered boxes.

    Args:
        config: architecture, schedule, losses.
        world: limits of the general world.
        log: takes `sam_pretraining/...`; the validation score is the mean IoU from true boxes.
        checkpoints: an interrupted run continues from here.
        seed: of weights, scenes and prompts.
        device: where to train.

    Returns:
        The model on the CPU and a report: `held_out_mean_iou` and `held_out_objects` from true boxes on scenes drawn
        from a seed of their own, `parameters`, `steps`, `best_step`, `seconds`.
    """
    seed_everything(seed)
    architecture = config.architecture
    sam = SamModel(build_sam(architecture).to(device), architecture, "tiny_sam")
    _train_everything_a_box_reaches(sam.model)
    validation = _scenes(world, derived_seed(seed, _VALIDATION), config.validation_images)

    def batches(step: int) -> _Batch:
        rng = np.random.default_rng(derived_seed(seed, _TRAINING, step))
        return _Batch(
            _prompted(sam, draw_general_scene(rng, world), config, rng) for _ in range(config.images_per_step)
        )

    def step_loss(model: nn.Module, batch: _Batch) -> dict[str, Tensor]:
        embeddings = model.image_encoder(torch.cat([pixels for pixels, _ in batch]))  # type: ignore[operator]
        answers = [
            decode_boxes(model, embedding[None], prompts.boxes)  # type: ignore[arg-type]
            for embedding, (_, prompts) in zip(embeddings, batch, strict=True)
        ]
        prompts = Prompts(*(torch.cat(parts) for parts in zip(*(prompts for _, prompts in batch), strict=True)))
        logits, iou = (torch.cat(parts) for parts in zip(*answers, strict=True))
        return sam_losses(logits, iou, prompts, architecture.image_size, config.losses)

    result = train(
        sam.model,
        batches,
        step_loss,
        config.loop,
        name="sam_pretraining",
        log=log,
        checkpoints=checkpoints,
        seed=seed,
        device=device,
        validate=lambda _: mean_iou_from_boxes(sam, validation)[0],
    )
    held_out = _scenes(world, derived_seed(seed, _HELD_OUT), config.held_out_images)
    mean_iou, objects = mean_iou_from_boxes(sam, held_out)
    report = {
        "held_out_mean_iou": mean_iou,
        "held_out_objects": objects,
        "parameters": count_parameters(sam.model)[1],
        "steps": result.steps,
        "best_step": result.best_step,
        "seconds": result.seconds,
    }
    sam.model.cpu().requires_grad_(False)
    return sam, report


def mean_iou_from_boxes(sam: SamModel, scenes: list[Scene]) -> tuple[float, int]:
    """Mean IoU of the masks that SAM gives for the tight boxes of the scenes' objects, and the number of objects."""
    ious: list[float] = []
    for scene in scenes:
        masks, _ = sam.predict(scene.image, masks_to_xyxy(scene.masks))
        ious.extend(paired_iou(masks, scene.masks).tolist())
    return float(np.mean(ious)), len(ious)


def _scenes(world: GeneralWorldConfig, seed: int, count: int) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [draw_general_scene(rng, world) for _ in range(count)]


def _prompted(
    sam: SamModel, scene: Scene, config: PretrainSamConfig, rng: np.random.Generator
) -> tuple[Tensor, Prompts]:
    prepared = sam.prepare(scene.image)
    count = min(len(scene.masks), config.objects_per_image)
    masks = scene.masks[rng.choice(len(scene.masks), count, replace=False)]
    boxes = jitter_boxes(rng, masks_to_xyxy(masks), config.losses.box_jitter, prepared.image_hw)
    size = config.architecture
    targets = mask_targets(masks, prepared.input_hw, size.image_size, size.mask_size).to(prepared.pixels.device)
    return prepared.pixels, Prompts(sam.boxes_to_input(boxes, prepared.image_hw), targets)


def _train_everything_a_box_reaches(model: nn.Module) -> None:
    """Points, mask prompts and the three masks for ambiguous prompts never get a gradient here and stay as drawn."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("mask_downscaling" not in name and "not_a_point" not in name)
