"""Tuning as a pipeline calls it: only where the data asks for the teacher, continued where it was killed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gsam_edge.augmentation import AugmentationRules, SceneDescription, build, description_for, identity
from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import not_needed, teacher_needs
from gsam_edge.teachers.grounding_dino.config import GroundingDinoTuningConfig
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.lora.layers import weights_digest
from gsam_edge.teachers.sam.config import SamTuningConfig
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.teachers.grounding_dino.model import GroundingDino
    from gsam_edge.teachers.sam.model import SamModel


def tune_where_needed(
    base: "GroundingDino | SamModel",
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    config: GroundingDinoTuningConfig | SamTuningConfig,
    scene: SceneDescription,
    rules: AugmentationRules,
    *,
    run: Run,
) -> Adapter | dict[str, str]:
    """An adapter for the teacher that the config belongs to, or the empty value with its reason.

    The state of a killed run is found again by base, data, config, what scene and rules come to, and seed. The rules
    say what the words of the scene mean, the config's `augmentation` which of them this teacher sees. See
    `tune_grounding_dino` and `tune_sam` for the other arguments and errors.
    """
    from gsam_edge.teachers.grounding_dino.tune import tune_grounding_dino
    from gsam_edge.teachers.sam.tune import tune_sam

    tuners: dict[str, Callable[..., Adapter]] = {"grounding_dino": tune_grounding_dino, "sam": tune_sam}
    kind = "grounding_dino" if isinstance(config, GroundingDinoTuningConfig) else "sam"
    need = teacher_needs(train)[kind]
    if not need["needed"]:
        return not_needed(need["why"])
    description = description_for(config.augmentation, scene, rules)
    settings = [config.model_dump(), identity(description, rules), run.seed]
    state = fingerprint(weights_digest(base.model), train.digest, val.digest, *settings)
    augmentation = None if description is None else build(description, rules)
    return tuners[kind](base, train, val, images, config, augmentation=augmentation, run=run.opened(state))
