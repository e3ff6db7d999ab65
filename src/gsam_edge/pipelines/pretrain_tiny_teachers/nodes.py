"""Nodes of `pretrain_tiny_teachers`: each trains one model on the general world and reports what it reached there."""

from collections.abc import Callable
from typing import Any

from gsam_edge.students.pretrain_config import PretrainStudentConfig
from gsam_edge.synthetic.general import GeneralWorldConfig
from gsam_edge.teachers.grounding_dino.config import PretrainGroundingDinoConfig
from gsam_edge.teachers.sam.config import PretrainSamConfig
from gsam_edge.training.device import DeviceName


def pretrain_grounding_dino(
    config: PretrainGroundingDinoConfig,
    world: GeneralWorldConfig,
    checkpoints: Any,
    log: Any,
    seed: int,
    device: DeviceName,
) -> tuple[Any, dict[str, Any]]:
    """The tiny Grounding DINO, with its AP50 on scenes that it never saw."""
    from gsam_edge.teachers.grounding_dino.pretrain import pretrain_grounding_dino as pretrain

    return _continued(pretrain, config, world, checkpoints, log, seed, device)


def pretrain_sam(
    config: PretrainSamConfig, world: GeneralWorldConfig, checkpoints: Any, log: Any, seed: int, device: DeviceName
) -> tuple[Any, dict[str, Any]]:
    """The tiny SAM, with its mean IoU on scenes that it never saw."""
    from gsam_edge.teachers.sam.pretrain import pretrain_sam as pretrain

    return _continued(pretrain, config, world, checkpoints, log, seed, device)


def pretrain_student(
    config: PretrainStudentConfig, world: GeneralWorldConfig, checkpoints: Any, log: Any, seed: int, device: DeviceName
) -> tuple[Any, dict[str, Any]]:
    """The start of all students, with what it reaches on scenes that chose its best epoch."""
    from gsam_edge.students.pretrain import pretrain_student as pretrain

    trained = _continued(pretrain, config, world, checkpoints, log, seed, device)
    return trained.weights, {"epochs": len(trained.history), "history": trained.history}


def _continued(
    pretrain: Callable[..., Any], config: Any, world: Any, checkpoints: Any, log: Any, seed: int, device: DeviceName
) -> Any:
    """A pretraining that goes on where a killed one of the same configuration was."""
    from gsam_edge.training.checkpoints import fingerprint
    from gsam_edge.training.device import resolve_device

    store = checkpoints.open(fingerprint(config.model_dump(mode="json"), world.model_dump(mode="json"), seed))
    return pretrain(config, world, log=log, checkpoints=store, seed=seed, device=resolve_device(device))
