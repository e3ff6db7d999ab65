"""Nodes of `augmentation_preview`."""

from matplotlib.figure import Figure

from gsam_edge.augmentation import RuleAdditions, SceneDescription, description_for, rules_with
from gsam_edge.coco import Annotations, RawCoco, ValidationConfig
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.distill.config import DistillationConfig
from gsam_edge.report.contact_sheet import NOTHING, PreviewConfig, SheetMaker, preview_annotations, word_sheets
from gsam_edge.teachers.grounding_dino.config import GroundingDinoTuningConfig
from gsam_edge.teachers.sam.config import SamTuningConfig
from gsam_edge.vision.images import ImageSource


def choose_pictures(
    raw_annotations: RawCoco, images: ImageFiles, validation: ValidationConfig, preview: PreviewConfig
) -> Annotations:
    """Some pictures with objects, straight from the user's file: no other pipeline needs to have run."""
    return preview_annotations(raw_annotations, images, validation, preview)


def draw_teachers(
    annotations: Annotations,
    images: ImageSource,
    scene: SceneDescription,
    additions: RuleAdditions,
    preview: PreviewConfig,
    seed: int,
    grounding_dino: GroundingDinoTuningConfig,
    sam: SamTuningConfig,
) -> tuple[Figure, Figure]:
    """What the tuning of the teachers will see."""
    rules = rules_with(additions)
    maker = SheetMaker.of(annotations, images, rules, preview, seed=seed)
    return (
        maker.whole(
            description_for(grounding_dino.augmentation, scene, rules) or NOTHING,
            "What the tuning of Grounding DINO sees",
        ),
        maker.whole(description_for(sam.augmentation, scene, rules) or NOTHING, "What the tuning of SAM sees"),
    )


def draw_student(
    annotations: Annotations,
    images: ImageSource,
    scene: SceneDescription,
    additions: RuleAdditions,
    preview: PreviewConfig,
    seed: int,
    distillation: DistillationConfig,
) -> Figure:
    """What the student will see, before several pictures are mixed."""
    rules = rules_with(additions)
    maker = SheetMaker.of(annotations, images, rules, preview, seed=seed)
    return maker.whole(
        description_for(distillation.augmentation, scene, rules) or NOTHING,
        "What the student sees, before pictures are mixed",
    )


def draw_words(
    annotations: Annotations,
    images: ImageSource,
    scene: SceneDescription,
    additions: RuleAdditions,
    preview: PreviewConfig,
    seed: int,
    grounding_dino: GroundingDinoTuningConfig,
    sam: SamTuningConfig,
    distillation: DistillationConfig,
) -> dict[str, bytes]:
    """A sheet for every word of the scene that one of the trainings sees."""
    rules = rules_with(additions)
    maker = SheetMaker.of(annotations, images, rules, preview, seed=seed)
    trainings = (grounding_dino.augmentation, sam.augmentation, distillation.augmentation)
    return word_sheets(maker, [description_for(augmentation, scene, rules) for augmentation in trainings])
