"""Nodes of `pretrain_tiny_teachers`: each trains one model on generated scenes and reports its metrics."""

from typing import Any

from pydantic import BaseModel

from gsam_edge.pipelines.types import CheckpointStore, GroundingDino, SamModel, StudentWeights
from gsam_edge.students.pretrain_config import PretrainStudentConfig
from gsam_edge.synthetic.general import GeneralWorldConfig
from gsam_edge.synthetic.workshop import WorkshopConfig
from gsam_edge.teachers.grounding_dino.config import PretrainGroundingDinoConfig
from gsam_edge.teachers.sam.config import PretrainSamConfig
from gsam_edge.training.device import DeviceName
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run


def train_tiny_grounding_dino(
    config: PretrainGroundingDinoConfig,
    world: WorkshopConfig,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
) -> tuple[GroundingDino, dict[str, Any]]:
    """Trains the tiny Grounding DINO; also returns its AP50 on held-out scenes."""
    from gsam_edge.teachers.grounding_dino.pretrain import pretrain_grounding_dino as pretrain

    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
    return pretrain(config, world, run=run.opened(_fingerprint(config, world, seed)))


def train_tiny_sam(
    config: PretrainSamConfig,
    world: WorkshopConfig,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
) -> tuple[SamModel, dict[str, Any]]:
    """Trains the tiny SAM; also returns its mean IoU on held-out scenes."""
    from gsam_edge.teachers.sam.pretrain import pretrain_sam as pretrain

    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
    return pretrain(config, world, run=run.opened(_fingerprint(config, world, seed)))


def train_tiny_student(
    config: PretrainStudentConfig,
    world: GeneralWorldConfig,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
) -> tuple[StudentWeights, dict[str, Any]]:
    """Trains the weights that students start from; also returns the metrics on the scenes that chose the best."""
    from gsam_edge.students.pretrain import pretrain_student as pretrain

    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
    trained = pretrain(config, world, run=run.opened(_fingerprint(config, world, seed)))
    return trained.weights, {"steps": int(trained.history[-1]["step"]), "history": trained.history}


def _fingerprint(config: BaseModel, world: BaseModel, seed: int) -> str:
    """Returns a digest of the configuration; a killed pretraining continues if it is equal."""
    from gsam_edge.training.checkpoints import fingerprint

    return fingerprint(config.model_dump(mode="json"), world.model_dump(mode="json"), seed)
