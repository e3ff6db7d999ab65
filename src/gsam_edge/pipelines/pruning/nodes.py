"""Nodes of `pruning`."""

from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.distill.config import DistillationConfig, LabellingConfig, RecoveryConfig
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.export.format import NotBuilt
from gsam_edge.pipelines.templates import arm_data
from gsam_edge.pipelines.types import CheckpointStore, StudentWeights
from gsam_edge.students.choice import StudentConfig
from gsam_edge.students.pruning import PruningConfig
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource


def prune_student(
    student_weights: StudentWeights,
    pruning: PruningConfig,
    recovery: RecoveryConfig,
    label_report: dict[str, Any],
    floor: FloorConfig,
    student: StudentConfig,
    labelling: LabellingConfig,
    distillation: DistillationConfig,
    choice: TeacherChoice,
    features: FeatureStore,
    scene: SceneDescription,
    additions: RuleAdditions,
    checkpoints: CheckpointStore,
    log: MetricLogger,
    seed: int,
    device: DeviceName,
    **inputs: Any,
) -> tuple[StudentWeights, dict[str, Any]]:
    """Prunes the student and trains what is left; returns its weights, and figures (see `distill.pruning`).

    With labels that their report calls useless it does not begin (`floor.below`).
    """
    from gsam_edge.distill.arms.stage import ArmSettings
    from gsam_edge.distill.pruning import prune_and_recover
    from gsam_edge.teachers.judging.verdict import refuse_useless

    refuse_useless({"the labels": label_report}, floor)
    settings = ArmSettings(student, distillation, labelling, scene, rules_with(additions), initial=None)
    data = arm_data(inputs, settings, choice, features, device)
    run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
    pruned = prune_and_recover(student_weights, data, settings, pruning, recovery, run)
    return pruned.weights, pruned.report


def report_pruning(
    figures: dict[str, Any],
    student: bytes | NotBuilt,
    pruned: bytes | NotBuilt,
    annotations_test: Annotations,
    images: ImageSource,
    evaluation: EvaluationConfig,
) -> dict[str, Any]:
    """Adds to the figures the latency of both students, timed in turns; or why there is none."""
    from gsam_edge.evaluate.in_turns import latency_in_turns

    return figures | {"latency": latency_in_turns(student, pruned, annotations_test, images, evaluation)}


def compare_pruned(**measurements: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the rows of the student, of the pruned student, and of what both were exported to."""
    return [row for row in measurements.values() if "status" not in row]
