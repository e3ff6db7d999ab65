"""Nodes of `distillation`."""

from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription, rules_with
from gsam_edge.coco import Annotations
from gsam_edge.distill.config import DistillationConfig, LabellingConfig
from gsam_edge.students.choice import StudentConfig
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource


def label_training_images(
    grounding_dino: Any,
    grounding_dino_adapter: Any,
    sam: Any,
    sam_adapter: Any,
    train: Annotations,
    images: ImageSource,
    store: Any,
    labelling: LabellingConfig,
    device: DeviceName,
) -> tuple[Any, dict[str, Any]]:
    """The tuned teachers' labels of the training images, and how they compare with the truth."""
    from gsam_edge.distill.labels import label_images
    from gsam_edge.distill.reports import label_report
    from gsam_edge.teachers.compose import TunedTeachers, compose_teacher

    teachers = TunedTeachers(grounding_dino, grounding_dino_adapter, sam, sam_adapter)
    teacher = compose_teacher(train, teachers, detection=labelling.label_detection, device=device)
    who = (teacher.factory, teacher.description)
    labels, counts = label_images(*who, train, images, store=store)
    return labels, label_report(train, labels, counts, labelling)


def distil_student(
    initial: Any,
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    teacher_labels: Any,
    student: StudentConfig,
    distillation: DistillationConfig,
    scene: SceneDescription,
    additions: RuleAdditions,
    checkpoints: Any,
    log: Any,
    seed: int,
    device: DeviceName,
) -> tuple[Any, dict[str, Any]]:
    """The student that the data calls for, of its best epoch, and how it came about."""
    from gsam_edge.distill import distillation as distil
    from gsam_edge.training.device import resolve_device

    settings: dict[str, Any] = {
        "student": student,
        "config": distillation,
        "scene": scene,
        "rules": rules_with(additions),
    }
    settings |= {"initial": initial, "seed": seed}
    store = checkpoints.open(distil.distillation_fingerprint(train, val, teacher_labels, **settings))
    run = {"log": log, "checkpoints": store, "device": resolve_device(device)}
    done = distil.distil_student(train, val, images, teacher_labels, **settings, **run)
    return done.weights, done.report
