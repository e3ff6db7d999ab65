"""Pruning of a student: channels leave in rounds, the least important first."""

import logging
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gsam_edge.students.images import LabelledImages
from gsam_edge.students.pruning import Pruning, PruningConfig
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.students.ultralytics.network import build_network, new_network
from gsam_edge.students.ultralytics.pruning.channels import Channels, find_channels
from gsam_edge.students.ultralytics.pruning.choose import choose_leaving, least_widths
from gsam_edge.students.ultralytics.pruning.importance import mean_importance
from gsam_edge.students.ultralytics.pruning.widths import widths_in
from gsam_edge.students.ultralytics.training.options import ultralytics_options
from gsam_edge.students.ultralytics.training.task import TrainingTask
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.checkpoints import NoCheckpoints
from gsam_edge.training.metrics import discard_metric
from gsam_edge.training.run import Run
from gsam_edge.training.seed import derived_seed

logger = logging.getLogger(__name__)

#: Side of the images that show which channels there are, in cells of the coarsest level.
_CELLS = 2


def prune_student(
    data: LabelledImages,
    weights: StudentWeights,
    config: PruningConfig,
    training: StudentTrainingConfig,
    *,
    run: Run,
) -> Pruning:
    """Takes the least important channels out of a student.

    Arguments and errors are those of `StudentFamily.prune`.
    """
    network = build_network(weights)
    channels = channels_of(network, weights.architecture)
    before = after = _cost(channels, weights)
    least = least_widths(channels, config)
    for number in range(config.rounds):
        importance = _importance(data, network, channels, weights, config, training, round_=number, run=run)
        # of the whole cost an equal part leaves in each round
        goal = before[config.of] * (1 - (1 - config.left) * (number + 1) / config.rounds)
        left = min(1.0, goal / after[config.of])
        leaving = choose_leaving(channels, weights.tensors, importance, config, least=least, left=left)
        weights = without(weights, channels, leaving)
        network = build_network(weights)
        channels = channels_of(network, weights.architecture)
        after = _cost(channels, weights)
        told = number + 1, config.rounds, int(leaving.sum()), 100 * after[config.of] / before[config.of], config.of
        logger.info(
            "pruning: round %d of %d: %d channels leave, %.1f %% of the %s stay", *told, extra={"markup": False}
        )
    if after[config.of] > config.left * before[config.of]:
        logger.warning(
            "pruning: %.1f %% of the %s stay, more than the %.1f %% asked for: every other channel is the last "
            "`least_width` or `multiple_of` of its layer, or cannot leave; lower them, or start from a smaller size",
            100 * after[config.of] / before[config.of],
            config.of,
            100 * config.left,
            extra={"markup": False},
        )
    return Pruning(weights, {name: {"before": before[name], "after": after[name]} for name in before})


def channels_of(network: Any, architecture: str) -> Channels:
    """Returns the channels of an Ultralytics model (see `find_channels`)."""
    return find_channels(network, _CELLS * ARCHITECTURES[architecture].stride)


def without(weights: StudentWeights, channels: Channels, leaving: NDArray[np.bool_]) -> StudentWeights:
    """Returns a student without some of its channels.

    Args:
        weights: the student.
        channels: of its network.
        leaving: by number, which leave.
    """
    tensors = dict(weights.tensors)
    for axis, numbers in channels.axes.items():
        stays = torch.from_numpy(np.flatnonzero(~leaving[numbers]))
        tensors[axis.tensor] = tensors[axis.tensor].index_select(axis.dimension, stays)
    full = new_network(weights.architecture, weights.size, len(weights.class_names))
    return replace(weights, tensors=tensors, widths=widths_in(tensors, full))


def _cost(channels: Channels, weights: StudentWeights) -> dict[str, int]:
    """Returns the `flops` of the convolutions for one image, and their `parameters`."""
    side = _CELLS * ARCHITECTURES[weights.architecture].stride
    flops = 2 * channels.multiplications(weights.tensors) * weights.image_size**2 // side**2
    parameters = sum(weights.tensors[each.weight].numel() for each in channels.convolutions)
    return {"flops": flops, "parameters": parameters}


def _importance(
    data: LabelledImages,
    network: Any,
    channels: Channels,
    weights: StudentWeights,
    config: PruningConfig,
    training: StudentTrainingConfig,
    *,
    round_: int,
    run: Run,
) -> NDArray[np.float64]:
    """Returns the importance of each channel, by number, on batches as the last steps of a training show them.

    So whether they are mixed (mosaic, mixup, copy-paste) does not depend on how many steps the training has.
    """
    schedule = dict.fromkeys(("steps", "validate_every", "close_mosaic_steps"), config.batches)
    task = TrainingTask(
        network=network,
        labels=collect_labels(data),
        images=data.images,
        augmentation=data.augmentation,
        class_names=weights.class_names,
        image_size=weights.image_size,
        config=training.model_copy(update={**schedule, "precision": "no"}),
        losses={},
        maps=None,
        plain_share=0.0,
        pseudo_weight=1.0,
        seed=derived_seed(run.seed, round_),
        validate=None,
        log=discard_metric,
        on_step=lambda done: None,
        checkpoints=NoCheckpoints(),
    )
    with TemporaryDirectory(prefix="gsam-edge-pruning-") as scratch:
        masks = ARCHITECTURES[weights.architecture].masks
        options = ultralytics_options(task, masks=masks, device=run.device, scratch=Path(scratch))
        return mean_importance(task, options, channels)
