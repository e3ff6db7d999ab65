"""Training of the distilled student and of its controls, all by the same two stages."""

import logging
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gsam_edge.augmentation import description_for, identity
from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.coco.provenance import require_one_split
from gsam_edge.distill.arms.arm_run import ArmRun
from gsam_edge.distill.arms.hand_over import (
    TEACHER,
    Labeller,
    chosen_labeller,
    gated_labels,
    hard_labels,
    student_labeller,
)
from gsam_edge.distill.arms.scores import found_by, require_objects, score_student
from gsam_edge.distill.arms.stage import ArmSettings, PoolLabels, stage_trainings, train_stage
from gsam_edge.distill.arms.table import ARMS, DISTILLED, Arm, Source, left_out, seeds_of
from gsam_edge.distill.arms.verdict import LEARNT_NOTHING, WHAT_TO_DO
from gsam_edge.distill.labels.labelling import require_labels_of
from gsam_edge.distill.maps import StoredMaps
from gsam_edge.students.choice import StudentChoice, choose_student
from gsam_edge.students.family import StudentTraining
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.start import Start
from gsam_edge.students.table import TrainingConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.training.metrics import MetricLogger
from gsam_edge.training.run import Run
from gsam_edge.vision.images import ImageSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArmData:
    """Images and labels of all arms.

    Attributes:
        train: training images whose labels are used.
        val: validation images; they choose weights, gates and who labels, and nothing is trained on them.
        test: test images; they choose nothing.
        held_back: training images whose labels the oracle alone may use.
        pool: images without a label in use, without objects.
        images: all of them by `file_name`.
        teacher_val: the teachers' labels of the validation images.
        teacher_pool: those of the pool.
        store: labels of students by content, beside the teachers'.
        maps: what the teachers say about every place of an image, or None where no loss asks.
    """

    train: Annotations
    val: Annotations
    test: Annotations
    held_back: Annotations
    pool: Annotations
    images: ImageSource
    teacher_val: Predictions
    teacher_pool: Predictions
    store: MutableMapping[str, dict[str, Any]]
    maps: StoredMaps | None

    @cached_property
    def teacher(self) -> Labeller:
        """The tuned teachers, who have labelled already."""
        return Labeller(TEACHER, self.teacher_val, lambda: self.teacher_pool)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of images: `labelled`, `pool`, `held_back`."""
        return {
            "labelled": len(self.train.images),
            "pool": len(self.pool.images),
            "held_back": len(self.held_back.images),
        }


@dataclass(frozen=True)
class TrainedArm:
    """A student at the end of an arm.

    Attributes:
        weights: those of the best validation in the second stage.
        facts: see `train_arm`.
    """

    weights: StudentWeights
    facts: dict[str, Any]


def train_arm(name: str, data: ArmData, settings: ArmSettings, run: Run) -> TrainedArm:
    """Trains one arm in two stages, the second from the weights of the first.

    Args:
        name: of `ARMS`.
        data: images and labels.
        settings: what all arms have in common.
        run: its log receives `student/...`, the second stage's steps after those of the first. Each stage keeps
            checkpoints of its own, so that a killed arm continues in the stage, and at the step, where it was.

    Returns:
        The student; and as facts `student` {architecture, why, size, image_size, parameters, precision, start},
        `stages` [{labels, of whom; images, objects, ignored, background, duplicates, left_out of the pool; steps}],
        `hand_over` (see `chosen_labeller`) where labels were handed over, `losses` of the last steps, `val`, the
        figures on the validation images, `without_area`, labels that were left out because their box has no area, and
        `common`, a digest of what all arms must have in common.

    Raises:
        StudentChoiceError: if the data lacks what the requested student is trained on.
        InvalidDatasetError: if no object is labelled, or labels have other classes or come from another split.
        TrainingError: if the loss becomes NaN or infinite, or a batch does not fit into memory.
    """
    arm, config = ARMS[name], settings.distillation
    _require_sound(data, arm)
    choice = replace(choose_student(data.train, settings.student), widths=settings.widths)
    truth = (data.train, data.held_back) if arm.held_back else (data.train,)

    def stage(pool: PoolLabels, training: TrainingConfig, initial: Start | None, before: int) -> StudentTraining:
        logger.info(
            "%s, seed %d: %s stage, of %d steps", arm.title, run.seed, "second" if before else "first", training.steps
        )
        return train_stage(
            truth,
            data.val,
            pool,
            data.pool,
            data.images,
            data.maps,
            choice=choice,
            settings=settings,
            training=training,
            initial=initial,
            teacher_losses=arm.teacher_losses,
            validate=lambda predict: score_student(predict, data.val, data.images),
            run=replace(run, log=_later(run.log, before)),
        )

    burn_in, rest = stage_trainings(config.training, config.burn_in)
    first_pool, _ = _pool_labels(arm.stages[0], data, settings, None, run)
    burnt_in = stage(first_pool, burn_in, settings.initial, before=0)
    second_pool, handed = _pool_labels(arm.stages[1], data, settings, burnt_in.weights, run)
    trained = stage(second_pool, rest, Start.of(burnt_in.weights, "the first stage"), before=burn_in.steps)
    predictor = StudentPredictor(trained.weights, score_threshold=0.0, device=run.device)
    facts = {
        "student": _student(choice, burnt_in),
        "stages": [{**first_pool.facts, "steps": burn_in.steps}, {**second_pool.facts, "steps": rest.steps}],
        **handed,
        "losses": {key: value for key, value in trained.history[-1].items() if key.startswith(("train_", "pseudo_"))},
        "val": dict(score_student(predictor, data.val, data.images).metrics),
        "without_area": trained.without_area,
        "common": _common(data, settings, trained.weights.facts["precision"]),
    }
    if not any(value > 0 for value in facts["val"].values()):
        logger.warning("%s, seed %d: %s of the validation images; %s", arm.title, run.seed, LEARNT_NOTHING, WHAT_TO_DO)
    return TrainedArm(replace(trained.weights, split=data.train.split_digest), facts)


def arm_run(name: str, trained: TrainedArm, data: ArmData, run: Run) -> ArmRun:
    """Lets an arm's student find the objects of the test images."""
    predictor = StudentPredictor(trained.weights, score_threshold=0.0, device=run.device)
    described = PredictorInfo(f"{name}, seed {run.seed}", trained.weights.digest, prompted_with_boxes=False)
    found = found_by(predictor, data.test, data.images)
    return ArmRun(
        name, run.seed, trained.facts, Predictions(found, data.test.class_names, described, data.test.split_digest)
    )


def train_controls(data: ArmData, settings: ArmSettings, run: Run) -> Iterator[ArmRun]:
    """Trains all that is asked for beside the distilled student of the first seed, which is not trained again.

    Args:
        data: images and labels.
        settings: `distillation.control` and `distillation.seeds` say what is asked for.
        run: the first seed is counted from its seed; the log's names begin with arm and seed.
    """
    config = settings.distillation
    first, *others = seeds_of(config.seeds, run.seed)
    counts = data.counts
    useless = left_out(
        config.control,
        pool_images=counts["pool"],
        held_back_images=counts["held_back"],
        listens=config.losses.listens,
    )
    controls = [name for name in config.control if name not in useless]
    for seed in (first, *others):
        for name in ([] if seed == first else [DISTILLED]) + controls:
            seeded = seeded_run(run, name, seed)
            yield arm_run(name, train_arm(name, data, settings, seeded), data, seeded)


def seeded_run(run: Run, training: str, seed: int) -> Run:
    """Returns a run with another seed, whose log's names begin with a training's name and the seed."""

    def log(name: str, value: float, step: int) -> None:
        run.log(f"{training}_seed{seed}/{name.removeprefix('student/')}", value, step)

    return replace(run, seed=seed, log=log)


def _pool_labels(
    source: Source, data: ArmData, settings: ArmSettings, weights: StudentWeights | None, run: Run
) -> tuple[PoolLabels, dict[str, Any]]:
    """Returns the labels of the pool for a stage, and `hand_over` where they were handed over.

    Args:
        source: whose labels.
        data: images and labels.
        settings: gate and hand-over.
        weights: the student of the stage before.
        run: where a student labels.
    """
    if source == "none" or not data.pool.images:
        return PoolLabels(), {}
    config, labelling = settings.distillation, settings.labelling
    if source == "teacher_hard":
        return hard_labels(data.teacher, data.pool, config.hard_threshold), {}
    labeller, handed = data.teacher, {}
    if weights is not None and (source == "student" or config.hand_over != "teacher"):
        labeller = student_labeller(
            weights,
            data.val,
            data.pool,
            data.images,
            labelling=labelling,
            store=data.store,
            device=str(run.device),
        )
        if source == "handed_over":
            labeller, told = chosen_labeller(data.teacher, labeller, data.val, config, labelling)
            handed = {"hand_over": told}
    return gated_labels(labeller, data.val, data.pool, labelling), handed


def _require_sound(data: ArmData, arm: Arm) -> None:
    require_objects(data.val)
    parts = ("train", "val", "test", "held_back", "pool")
    require_one_split({f"annotations_{part}": getattr(data, part) for part in parts})
    if arm.reads_teacher:
        require_labels_of(data.val, data.teacher_val, what="teacher_labels_val")
        require_labels_of(data.pool, data.teacher_pool, what="teacher_labels_pool")


def _common(data: ArmData, settings: ArmSettings, precision: str) -> str:
    """Returns a digest of what must be equal in all arms, so that their difference is that of their labels."""
    config = settings.distillation
    description = description_for(config.augmentation, settings.scene, settings.rules)
    return fingerprint(
        [part.digest for part in (data.train, data.val, data.pool)],
        settings.student.model_dump(exclude={"least_start"}),
        config.training.model_dump(),
        precision,  # "auto" is another on another machine
        [config.burn_in, config.losses.detection],
        identity(description, settings.rules),
        None if settings.initial is None else settings.initial.digest,
    )


def _student(choice: StudentChoice, training: StudentTraining) -> dict[str, Any]:
    weights = training.weights
    return {
        "architecture": choice.architecture,
        "why": choice.why,
        "size": weights.size,
        "image_size": weights.image_size,
        "parameters": sum(tensor.numel() for tensor in weights.tensors.values()),
        "precision": weights.facts["precision"],
        "start": training.transfer.report(),
    }


def _later(log: MetricLogger, before: int) -> MetricLogger:
    return lambda name, value, step: log(name, value, step + before)
