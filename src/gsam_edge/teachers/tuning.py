"""Tuning for a pipeline: only of teachers that are used, and continued after an interruption."""

from gsam_edge.augmentation import AugmentationRules, SceneDescription, build, description_for, identity
from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.teachers.config import TuningConfig
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.family import BaseSource, TuningData
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.training.loop.processes import processes
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource


def tune_where_needed(
    name: str,
    base: BaseSource | dict[str, str],
    train: Annotations,
    val: Annotations,
    images: ImageSource,
    config: TuningConfig,
    choice: TeacherChoice,
    scene: SceneDescription,
    rules: AugmentationRules,
    *,
    features: FeatureStore,
    run: Run,
) -> Adapter | dict[str, str]:
    """Tunes a teacher of the table; returns its adapter, or, with nothing loaded, the empty value with its reason.

    The checkpoint of an interrupted run is found by base, data, config, the augmentation from scene and rules, whether
    the teacher draws masks, too, and seed. Of the config's `accumulate` and the number of processes their product
    counts, so that one process continues what two began, with twice as many batches a step, and the other way round.
    The rules define the words of the scene; the config's `augmentation` selects those for this teacher. See the
    family's `tune` for the other arguments and errors.

    Raises:
        BaseModelError: if the teacher is used, but no base of it is named, or its base cannot do what it is used for.
    """
    need = choice.need(name, train)
    if not need.needed:
        return not_needed(need.why)
    family = TEACHERS[name]
    if is_not_needed(base):
        raise BaseModelError(
            f"{name}_base: expected {family.expects}, since teachers names {name} and {need.why}; got none: "
            f"{base['why']}. Name it in the catalog, under {name}_base"
        )
    description = description_for(config.augmentation, scene, rules)
    own_masks = choice.one_does_both and (train.has_masks or val.has_masks)
    step_batches = config.loop.accumulate * processes(run.device.type).num_processes
    counted = config.model_copy(update={"loop": config.loop.model_copy(update={"accumulate": step_batches})})
    settings = [counted.model_dump(), identity(description, rules), own_masks, run.seed]
    loaded = base.load()
    state = fingerprint(family.base_digest(loaded), train.digest, val.digest, *settings)
    augmentation = None if description is None else build(description, rules)
    data = TuningData(train, val, images, augmentation, own_masks, features)
    return family.tune(loaded, data, config, run.opened(state))
