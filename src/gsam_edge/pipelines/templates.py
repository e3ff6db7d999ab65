"""Nodes and inputs that pipelines build from the table of teachers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.pipelines.types import Adapter, CheckpointStore
from gsam_edge.teachers.family import AnyFamily, BaseSource
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.teachers.compose import TunedTeachers

#: Base and adapter of every teacher, each under its own name: a node takes them as `**teachers`.
TEACHER_INPUTS: Mapping[str, str] = {
    dataset: dataset for name in TEACHERS for dataset in (f"{name}_base", f"{name}_adapter")
}


def tuned_teachers(inputs: Mapping[str, Any], choice: TeacherChoice) -> "TunedTeachers":
    """Returns base and adapter of each teacher, from a node's `TEACHER_INPUTS`.

    Only bases of chosen teachers that have an adapter are loaded; the others are empty values, with the reason.
    """
    from gsam_edge.teachers.compose import TunedTeacher

    tuned = {}
    for name in TEACHERS:
        base, adapter = inputs[f"{name}_base"], inputs[f"{name}_adapter"]
        if name not in choice.names:
            base = adapter = not_needed(choice.why_not(name))
        elif is_not_needed(adapter):
            base = adapter
        tuned[name] = TunedTeacher(base if is_not_needed(base) else base.load(), adapter)
    return tuned


def tune_node(family: AnyFamily) -> Node:
    """Builds the node that tunes a teacher if it takes part; its parameters are checked as the family's config."""
    name = family.name

    def tune(
        base: BaseSource | dict[str, str],
        train: Annotations,
        val: Annotations,
        images: ImageSource,
        config: family.config,  # type: ignore[name-defined]
        choice: TeacherChoice,
        scene: SceneDescription,
        additions: RuleAdditions,
        checkpoints: CheckpointStore,
        features: FeatureStore,
        log: MetricLogger,
        seed: int,
        device: DeviceName,
    ) -> Adapter | dict[str, str]:
        from gsam_edge.teachers.tuning import tune_where_needed

        run = Run.on(device, log=log, checkpoints=checkpoints, seed=seed)
        rules = rules_with(additions)
        return tune_where_needed(
            name, base, train, val, images, config, choice, scene, rules, features=features, run=run
        )

    inputs = {
        "base": f"{name}_base",
        "train": "annotations_train",
        "val": "annotations_val",
        "images": "raw_images",
        "config": f"params:{name}",
        "choice": "params:teachers",
        "scene": "params:scene",
        "additions": "params:augmentation_rules",
        "checkpoints": f"{name}_checkpoints",
        "features": "teacher_features",
        "log": "live_metrics",
        "seed": "params:seed",
        "device": "params:device",
    }
    return node(tune, inputs=inputs, outputs=f"{name}_adapter", name=f"tune_{name}")
