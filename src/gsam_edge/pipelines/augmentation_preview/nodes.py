"""Nodes of `augmentation_preview`."""

from collections.abc import Callable
from typing import Any

from gsam_edge.augmentation import RuleAdditions, SceneDescription, description_for, rules_with
from gsam_edge.coco import Annotations, RawCoco, ValidationConfig
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.distill.config import DistillationConfig
from gsam_edge.pipelines.types import Figure
from gsam_edge.report.contact_sheet import NOTHING, PreviewConfig, SheetMaker, preview_annotations, word_sheets
from gsam_edge.teachers.family import AnyFamily
from gsam_edge.vision.images import ImageSource


def choose_preview_images(
    raw_annotations: RawCoco, images: ImageFiles, validation: ValidationConfig, preview: PreviewConfig
) -> Annotations:
    """Chooses some images with objects from the user's file; no other pipeline needs to have run."""
    return preview_annotations(raw_annotations, images, validation, preview)


def draw_teacher_of(family: AnyFamily) -> Callable[..., Figure]:
    """Builds the function that draws what a teacher's tuning will see; `config` is checked as the family's config."""

    def draw_teacher(
        annotations: Annotations,
        images: ImageSource,
        scene: SceneDescription,
        additions: RuleAdditions,
        preview: PreviewConfig,
        seed: int,
        config: family.config,  # type: ignore[name-defined]
    ) -> Figure:
        rules = rules_with(additions)
        maker = SheetMaker.of(annotations, images, rules, preview, seed=seed)
        description = description_for(config.augmentation, scene, rules) or NOTHING
        return maker.whole(description, f"What the tuning of {family.title} sees")

    return draw_teacher


def draw_student(
    annotations: Annotations,
    images: ImageSource,
    scene: SceneDescription,
    additions: RuleAdditions,
    preview: PreviewConfig,
    seed: int,
    distillation: DistillationConfig,
) -> Figure:
    """Draws what the student will see, before several images are mixed."""
    rules = rules_with(additions)
    maker = SheetMaker.of(annotations, images, rules, preview, seed=seed)
    return maker.whole(
        description_for(distillation.augmentation, scene, rules) or NOTHING,
        "What the student sees, before images are mixed",
    )


def draw_words(
    annotations: Annotations,
    images: ImageSource,
    scene: SceneDescription,
    additions: RuleAdditions,
    preview: PreviewConfig,
    seed: int,
    distillation: DistillationConfig,
    **teachers: Any,
) -> dict[str, bytes]:
    """Draws a sheet for every scene word that any training uses; `teachers` holds the config of each teacher."""
    rules = rules_with(additions)
    maker = SheetMaker.of(annotations, images, rules, preview, seed=seed)
    trainings = (*(config.augmentation for config in teachers.values()), distillation.augmentation)
    return word_sheets(maker, [description_for(augmentation, scene, rules) for augmentation in trainings])
