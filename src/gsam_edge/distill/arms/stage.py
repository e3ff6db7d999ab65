"""One stage of an arm's training: which images it sees, with whose labels, for how many steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gsam_edge.augmentation import AugmentationRules, SceneDescription, build, description_for, identity
from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.distill.config import DistillationConfig, LabellingConfig
from gsam_edge.distill.losses import weighted_losses
from gsam_edge.distill.maps import StoredMaps
from gsam_edge.students.choice import StudentChoice, StudentConfig, Widths
from gsam_edge.students.family import StudentTraining, Validate
from gsam_edge.students.images import LabelledImages, LabelWeights, SplitLabels
from gsam_edge.students.start import Start
from gsam_edge.students.table import TrainingConfig, family_of
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.training.run import Run
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource


@dataclass(frozen=True)
class ArmSettings:
    """What all arms have in common.

    Attributes:
        student: architecture, size and input.
        distillation: arms, schedule and losses.
        labelling: from which score on a student labels, and its gate.
        scene: object and scene in words; the distillation's `augmentation` says which of them are applied.
        rules: the transforms of each word.
        initial: weights to start from as far as they fit, or None for random ones.
        widths: of a pruned network, which is trained in these widths; `initial` has them, too.
    """

    student: StudentConfig
    distillation: DistillationConfig
    labelling: LabellingConfig
    scene: SceneDescription
    rules: AugmentationRules
    initial: Start | None
    widths: Widths = field(default_factory=dict)


@dataclass(frozen=True)
class PoolLabels:
    """Labels of the images without a label in use, that no person gave.

    Attributes:
        objects: `file_name` to labels; images that are left out have no entry.
        weights: `file_name` to what they count; those of an absent name count 1.
        digest: of all that they were made from.
        facts: whose they are and how many, as JSON values.
    """

    objects: Mapping[str, PackedDetections] = field(default_factory=dict)
    weights: Mapping[str, LabelWeights] = field(default_factory=dict)
    digest: str = ""
    facts: Mapping[str, Any] = field(default_factory=lambda: {"labels": "none"})


class _JoinedLabels(Mapping[str, Detections]):
    """`file_name` to labels of several sets of images; they are decoded on access."""

    def __init__(self, truth: tuple[Annotations, ...], pool: Mapping[str, PackedDetections]) -> None:
        self._truth = {name: labels for labels in map(SplitLabels, truth) for name in labels}
        self._pool = pool

    def __getitem__(self, name: str) -> Detections:
        return self._truth[name][name] if name in self._truth else self._pool[name].unpack()

    def __iter__(self) -> Iterator[str]:
        yield from self._truth
        yield from self._pool

    def __len__(self) -> int:
        return len(self._truth) + len(self._pool)


def stage_trainings(training: TrainingConfig, burn_in: float) -> tuple[TrainingConfig, TrainingConfig]:
    """Shares the steps out between the two stages; each has the schedule of a whole training, shortened to its length.

    The steps that see the truth alone are the last ones of all, so that the first stage has none.

    Args:
        training: the schedule of both together.
        burn_in: share of the steps in the first stage; each stage has one step at least.
    """
    first = min(max(1, round(burn_in * training.steps)), max(1, training.steps - 1))
    second = max(1, training.steps - first)

    def part(steps: int, truth_only: float) -> TrainingConfig:
        share = steps / training.steps
        counted = {name: round(share * getattr(training, name)) for name in ("warmup_steps", "close_mosaic_steps")}
        counted |= {"steps": steps, "validate_every": min(training.validate_every, steps)}
        return training.model_copy(update={"truth_only": truth_only, **counted})

    return part(first, 0.0), part(second, min(1.0, training.truth_only * training.steps / second))


def train_stage(
    truth: tuple[Annotations, ...],
    val: Annotations,
    pool: PoolLabels,
    pool_images: Annotations,
    images: ImageSource,
    maps: StoredMaps | None,
    *,
    choice: StudentChoice,
    settings: ArmSettings,
    training: TrainingConfig,
    initial: Start | None,
    teacher_losses: bool,
    validate: Validate,
    run: Run,
) -> StudentTraining:
    """Trains a student in one stage; a stage that was finished before is read from its checkpoints.

    The checkpoints are named by all that decides the outcome but the images: stages of two arms that see the same are
    one training.

    Args:
        truth: images with labels of a person.
        val: decides which weights are kept.
        pool: labels that no person gave.
        pool_images: their images.
        images: all images by `file_name`.
        maps: what the teachers say about every place of an image, or None where no loss asks. Every arm shows as many
            images plain as these losses need, since nothing but labels may differ.
        choice: what to train.
        settings: see `ArmSettings`.
        training: schedule of this stage.
        initial: weights that it starts from.
        teacher_losses: whether it listens to the teacher by the losses of `distill.losses.LOSSES`, too.
        validate: scores a student on `val`.
        run: where it runs; its checkpoints are those of all stages.
    """
    config = settings.distillation
    description = description_for(config.augmentation, settings.scene, settings.rules)
    losses = weighted_losses(config.losses, config.maps) if teacher_losses else {}
    state = fingerprint(
        [part.digest for part in truth],
        val.digest,
        [pool.digest, config.losses.detection] if pool.objects else None,
        None if maps is None else config.maps.plain_share,
        [config.losses.model_dump(), config.maps.model_dump(), maps.digest] if losses and maps is not None else None,
        None if initial is None else initial.digest,
        settings.student.model_dump(exclude={"least_start"}),  # it changes what is said alone
        training.model_dump(),
        identity(description, settings.rules),
        run.seed,
    )
    records = [image for part in truth for image in part.images]
    records += [image for image in pool_images.images if image["file_name"] in pool.objects]
    data = LabelledImages(
        labels=_JoinedLabels(truth, pool.objects),
        image_hw={image["file_name"]: (image["height"], image["width"]) for image in records},
        images=images,
        class_names=val.class_names,
        augmentation=None if description is None else build(description, settings.rules),
        weights=pool.weights,
        pseudo=frozenset(pool.objects),
        maps=maps,
    )
    return family_of(choice.architecture).train(
        data,
        choice,
        training,
        losses=losses,
        pseudo_weight=config.losses.detection,
        initial=initial,
        validate=validate,
        run=run.opened(state),
    )
