"""Nodes of `teacher_finetune`."""

from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.pipelines.types import Adapter, CheckpointStore, GroundingDino, SamModel
from gsam_edge.teachers.grounding_dino.config import GroundingDinoTuningConfig
from gsam_edge.teachers.sam.config import SamTuningConfig
from gsam_edge.training.device import DeviceName
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource


def tune_grounding_dino(
    base: GroundingDino,
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    grounding_dino: GroundingDinoTuningConfig,
    scene: SceneDescription,
    additions: RuleAdditions,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
) -> Adapter | dict[str, str]:
    """Grounding DINO's adapter, or the empty value where the data holds no boxes."""
    from gsam_edge.teachers.tuning import tune_where_needed as tune

    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
    return tune(base, train, val, images, grounding_dino, scene, rules_with(additions), run=run)


def tune_sam(
    base: SamModel,
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    sam: SamTuningConfig,
    scene: SceneDescription,
    additions: RuleAdditions,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
) -> Adapter | dict[str, str]:
    """SAM's adapter, or the empty value where the data holds no masks."""
    from gsam_edge.teachers.tuning import tune_where_needed as tune

    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
    return tune(base, train, val, images, sam, scene, rules_with(additions), run=run)


def report_teachers(
    grounding_dino: GroundingDino,
    grounding_dino_adapter: Adapter | dict[str, str],
    sam: SamModel,
    sam_adapter: Adapter | dict[str, str],
    val: Annotations,
    images: ImageSource,
    labelling: LabellingConfig,
    device: DeviceName,
) -> dict[str, Any]:
    """Each teacher before and after tuning; keys as `distill.teacher_report` says."""
    from gsam_edge.teachers.compose import TunedTeachers
    from gsam_edge.teachers.report import teacher_report

    teachers = TunedTeachers(grounding_dino, grounding_dino_adapter, sam, sam_adapter)
    return teacher_report(val, images, teachers, detection=labelling.detection, device=device)
