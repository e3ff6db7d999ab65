"""A pruned student that is trained again, beside the same student trained as much longer."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from gsam_edge.augmentation import build, description_for
from gsam_edge.coco.provenance import require_made_from
from gsam_edge.distill.arms.distillation import ArmData, seeded_run, train_arm
from gsam_edge.distill.arms.scores import score_student
from gsam_edge.distill.arms.stage import ArmSettings
from gsam_edge.distill.arms.table import DISTILLED
from gsam_edge.distill.config import RecoveryConfig
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.pruning import Pruning, PruningConfig
from gsam_edge.students.start import Start
from gsam_edge.students.table import TrainingConfig, family_of
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.run import Run

logger = logging.getLogger(__name__)

#: Points (of 100) of mAP50-95 that a pruned student may lose and is still called as good.
_TOLERATED = 1.0


@dataclass(frozen=True)
class PrunedStudent:
    """A pruned and retrained student.

    Attributes:
        weights: those of the first seed.
        report: see `prune_and_recover`.
    """

    weights: StudentWeights
    report: dict[str, Any]


def recovery_training(training: TrainingConfig, recovery: RecoveryConfig) -> TrainingConfig:
    """Returns the schedule of a distillation, shortened or lengthened to the steps of a recovery."""
    share = recovery.steps / training.steps
    counted = {name: round(share * getattr(training, name)) for name in ("warmup_steps", "close_mosaic_steps")}
    counted["validate_every"] = min(training.validate_every, recovery.steps)
    return training.model_copy(update={"steps": recovery.steps, "learning_rate": recovery.learning_rate, **counted})


def prune_and_recover(
    student: StudentWeights,
    data: ArmData,
    settings: ArmSettings,
    pruning: PruningConfig,
    recovery: RecoveryConfig,
    run: Run,
) -> PrunedStudent:
    """Prunes a student and trains what is left by the recipe of the distilled student, for each seed.

    Args:
        student: trained on the same split.
        data: images and labels, as the student's own training had them.
        settings: of that training; size, input and start are the student's.
        pruning: what leaves.
        recovery: schedule, seeds and control.
        run: its log receives `pruned_seed<n>/...` and `longer_seed<n>/...`; its checkpoints are those of all trainings.

    Returns:
        The student; and as report `asked` {of, left}, `flops` and `parameters` of it, {before, after}, `test`, figures
        on the test images of the `student`, and of the students `pruned` (not trained yet), `recovered` and, where a
        control is asked for, `longer`, one mapping per seed; `lost`, by figure the points that `recovered` has less in
        the mean over the seeds, than `student` and `longer`; and `verdict`, a sentence.

    Raises:
        InvalidDatasetError: if the student was trained on another split or for other classes.
    """
    require_made_from(
        data.train,
        what="student_weights",
        class_names=student.class_names,
        split_digest=student.split,
        remedy="run the pipeline distillation",
    )
    config = student_settings(student, settings, recovery)
    description = description_for(settings.distillation.augmentation, settings.scene, settings.rules)
    images = LabelledImages.of_split(
        data.train, data.images, None if description is None else build(description, settings.rules)
    )

    def figures(weights: StudentWeights) -> dict[str, float]:
        predictor = StudentPredictor(weights, score_threshold=0.0, device=run.device)
        return dict(score_student(predictor, data.test, data.images).metrics)

    test: dict[str, list[dict[str, float]]] = {"student": [figures(student)], "pruned": [], "recovered": []}
    done: list[tuple[Pruning, StudentWeights]] = []
    for seed in range(run.seed, run.seed + recovery.seeds):
        seeded = seeded_run(run, "pruned", seed)
        pruned = family_of(student.architecture).prune(
            images, student, pruning, config.distillation.training, run=seeded
        )
        narrow = replace(config, initial=Start.of(pruned.weights, "the pruned student"), widths=pruned.weights.widths)
        recovered = train_arm(DISTILLED, data, narrow, seeded).weights
        done.append((pruned, recovered))
        test["pruned"].append(figures(pruned.weights))
        test["recovered"].append(figures(recovered))
        if recovery.control:
            longer = train_arm(DISTILLED, data, config, seeded_run(run, "longer", seed))
            test.setdefault("longer", []).append(figures(longer.weights))
    first, weights = done[0]
    report = {"asked": {"of": pruning.of, "left": pruning.left}, **first.facts, "test": test}
    return PrunedStudent(weights, report | {"lost": lost(test), "verdict": verdict(first.facts, test)})


def student_settings(student: StudentWeights, settings: ArmSettings, recovery: RecoveryConfig) -> ArmSettings:
    """Returns the settings with which a student is trained further: its own network, from its own weights."""
    network = settings.student.model_copy(
        update={
            "architecture": student.architecture,
            "size": student.size,
            "image_size": student.image_size,
            "edge": student.edge,
        }
    )
    distillation = settings.distillation.model_copy(
        update={"training": recovery_training(settings.distillation.training, recovery)}
    )
    start = Start.of(student, "the student")
    return replace(settings, student=network, distillation=distillation, initial=start, widths=student.widths)


def lost(test: Mapping[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Returns by figure the points (of 100) that the retrained student has less than each other, means over seeds."""

    def mean(which: str, name: str) -> float:
        return fmean(figures[name] for figures in test[which])

    return {
        name: {
            other: 100 * (mean(other, name) - mean("recovered", name))
            for other in ("student", "longer")
            if other in test
        }
        for name in test["student"][0]
    }


def verdict(facts: Mapping[str, Mapping[str, int]], test: Mapping[str, list[dict[str, float]]]) -> str:
    """Returns what the pruning came to, as a sentence: of the mAP50-95, against the control where there is one."""
    fewer = ", ".join(
        f"{100 * (1 - cost['after'] / cost['before']):.1f} % fewer {name}" for name, cost in facts.items()
    )
    against = "longer" if "longer" in test else "student"
    named = {"longer": "the same student trained as much longer", "student": "the student it was made from"}[against]
    points = {name: by[against] for name, by in lost(test).items() if name.endswith("map50_95")}
    told = ", ".join(f"{-value:+.2f} points of {name}" for name, value in points.items())
    seeds = len(test["recovered"])
    limit = f"{_TOLERATED:g} point"
    far = f"within {limit}" if max(points.values()) <= _TOLERATED else f"more than {limit} lower"
    luck = f"means of {seeds} seeds" if seeds > 1 else "one seed, so the luck of the seed is not known"
    return f"{fewer}; {told} on the test images against {named}, {far}; {luck}"
