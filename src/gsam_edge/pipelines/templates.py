"""Nodes, inputs and names that several pipelines build alike."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kedro.pipeline import node
from kedro.pipeline.node import Node

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.pool import PooledImages
from gsam_edge.pipelines.types import Adapter, CheckpointStore
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import AnyFamily, BaseSource
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.distill.arms.distillation import ArmData
    from gsam_edge.distill.arms.stage import ArmSettings
    from gsam_edge.teachers.compose import Teacher, TunedTeachers

#: The model that the job ships; another model of the same kind has a name that begins with it.
STUDENT = "student"

#: Base and adapter of every teacher, each under its own name: a node takes them as `**teachers`.
TEACHER_INPUTS: Mapping[str, str] = {
    dataset: dataset for name in TEACHERS for dataset in (f"{name}_base", f"{name}_adapter")
}


#: What a student is trained from by the recipe of `distillation`; `arm_data` reads images, labels and teachers of it.
ARM_INPUTS: Mapping[str, str] = {
    "train": "annotations_train",
    "val": "annotations_val",
    "test": "annotations_test",
    "held_back": "annotations_held_back",
    "pool": "annotations_pool",
    "images": "raw_images",
    "unlabelled": "unlabelled_images",
    "teacher_val": "teacher_labels_val",
    "teacher_pool": "teacher_labels_pool",
    "store": "teacher_label_store",
    "label_report": "label_report",
    "floor": "params:teacher_floor",
    "student": "params:student",
    "labelling": "params:labelling",
    "distillation": "params:distillation",
    "choice": "params:teachers",
    "features": "teacher_features",
    "scene": "params:scene",
    "additions": "params:augmentation_rules",
    "log": "live_metrics",
    "seed": "params:seed",
    "device": "params:device",
    **TEACHER_INPUTS,
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


def composed_teacher(
    data: Annotations,
    tuned: "TunedTeachers",
    choice: TeacherChoice,
    labelling: LabellingConfig,
    teacher_report: Mapping[str, Any],
    device: DeviceName,
    *,
    detection: DetectionConfig,
    features: FeatureStore | None = None,
) -> "Teacher":
    """Composes the tuned teachers as they label: with the configured flips, and the boxes that the report found better.

    See `compose_teacher`, which also raises.
    """
    from gsam_edge.teachers.compose import compose_teacher
    from gsam_edge.teachers.judging.report import boxes_from_masks

    return compose_teacher(
        data,
        tuned,
        choice,
        detection=detection,
        flips=labelling.flips,
        boxes_from_masks=boxes_from_masks(teacher_report),
        device=device,
        features=features,
    )


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


def arm_data(
    inputs: dict[str, Any],
    settings: "ArmSettings",
    choice: TeacherChoice,
    features: FeatureStore,
    device: DeviceName,
) -> "ArmData":
    """Returns images and labels of the arms; the teachers are loaded only where a loss asks about every place."""
    from gsam_edge.distill.arms.distillation import ArmData
    from gsam_edge.distill.losses import asked_maps
    from gsam_edge.distill.maps import StoredMaps
    from gsam_edge.teachers.compose_maps import mapping_teachers

    config, maps = settings.distillation, None
    source = PooledImages(inputs["images"], inputs["unlabelled"])
    if parts := asked_maps(config.losses):
        tuned = tuned_teachers(inputs, choice)
        detection = settings.labelling.detection
        maps = StoredMaps(
            mapping_teachers(inputs["train"], tuned, choice, parts, detection=detection, device=device),
            config.losses,
            source,
            features,
            image_size=settings.student.image_size,
            plain_share=config.maps.plain_share,
        )
    named = ("train", "val", "test", "held_back", "pool", "teacher_val", "teacher_pool", "store")
    return ArmData(images=source, maps=maps, **{name: inputs[name] for name in named})
