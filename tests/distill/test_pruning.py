"""A pruned student is trained by the recipe of the distilled one, and a killed run ends with the same weights."""

from dataclasses import replace

import pytest

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.distill.arms.distillation import train_arm
from gsam_edge.distill.arms.stage import ArmSettings
from gsam_edge.distill.config import RecoveryConfig
from gsam_edge.distill.pruning import lost, prune_and_recover, recovery_training, verdict
from gsam_edge.students.pruning import PruningConfig
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.arm_worlds import CONFIG, LABELLING, SCENE, STUDENT, TRAINING, build_data
from support.runs import a_run

PRUNING = PruningConfig(of="flops", left=0.7, multiple_of=8, least_width=0.25, rounds=1, batches=1)
RECOVERY = RecoveryConfig(steps=2, learning_rate=5e-4, seeds=1, control=True)


class Killed(BaseException):
    """Nothing catches it."""


@pytest.fixture(scope="module")
def settings(augmentation_rules) -> ArmSettings:
    return ArmSettings(STUDENT, CONFIG, LABELLING, SCENE, augmentation_rules, None)


@pytest.fixture(scope="module")
def student(settings):
    return train_arm("truth", build_data("both"), settings, a_run()).weights


def test_a_pruned_student_killed_in_its_recovery_ends_with_the_same_weights_and_report(
    student, settings, tmp_path, monkeypatch
) -> None:
    """Killed in the second of three stages that follow the pruning, it trains none of the first again."""
    data, logged = build_data("both"), []
    run = a_run(log=lambda name, value, step: logged.append((name, step)), checkpoints=FolderCheckpoints(tmp_path, 2))
    step, steps = MemoryTraining.optimizer_step, []

    def deadly(trainer: MemoryTraining) -> None:
        steps.append(1)
        if len(steps) == 2:
            raise Killed
        step(trainer)

    monkeypatch.setattr(MemoryTraining, "optimizer_step", deadly)
    with pytest.raises(Killed):
        prune_and_recover(student, data, settings, PRUNING, RECOVERY, run)
    continued = prune_and_recover(student, data, settings, PRUNING, RECOVERY, run)
    assert len(steps) == 2 + 3  # of 2 for the pruned student and 2 for the control, one was done

    whole = prune_and_recover(student, data, settings, PRUNING, RECOVERY, a_run())
    assert continued.weights.digest == whole.weights.digest
    assert continued.report == whole.report
    assert whole.weights.widths
    assert whole.weights.split == data.train.split_digest
    assert whole.weights.architecture == "yolov8-seg"
    report = whole.report
    assert report["flops"]["after"] <= 0.7 * report["flops"]["before"]
    assert {name: len(figures) for name, figures in report["test"].items()} == {
        "student": 1,
        "pruned": 1,
        "recovered": 1,
        "longer": 1,
    }
    assert set(report["lost"]["mask_map50_95"]) == {"student", "longer"}
    assert {name.split("/")[0] for name, _ in logged} == {"pruned_seed0", "longer_seed0"}


def test_a_student_of_another_split_is_refused_before_anything_is_trained(student, settings) -> None:
    with pytest.raises(InvalidDatasetError, match="student_weights"):
        prune_and_recover(replace(student, split="0"), build_data("both"), settings, PRUNING, RECOVERY, a_run())


def test_the_recovery_has_the_schedule_of_the_distillation_in_its_own_length() -> None:
    training = TRAINING.model_copy(
        update={"steps": 100, "warmup_steps": 10, "close_mosaic_steps": 30, "validate_every": 25}
    )
    shortened = recovery_training(training, RECOVERY.model_copy(update={"steps": 20}))
    assert (shortened.steps, shortened.warmup_steps, shortened.close_mosaic_steps) == (20, 2, 6)
    assert (shortened.validate_every, shortened.learning_rate) == (20, 5e-4)
    assert shortened.truth_only == training.truth_only


def test_the_loss_is_in_points_means_over_seeds_and_the_control_is_what_counts() -> None:
    test = {
        "student": [{"box_map50_95": 0.50}],
        "pruned": [{"box_map50_95": 0.1}, {"box_map50_95": 0.2}],
        "recovered": [{"box_map50_95": 0.48}, {"box_map50_95": 0.50}],
        "longer": [{"box_map50_95": 0.51}, {"box_map50_95": 0.53}],
    }
    points = lost(test)["box_map50_95"]
    assert points == pytest.approx({"student": 1.0, "longer": 3.0})
    facts = {"flops": {"before": 100, "after": 65}, "parameters": {"before": 10, "after": 5}}
    assert verdict(facts, test) == (
        "35.0 % fewer flops, 50.0 % fewer parameters; -3.00 points of box_map50_95 on the test images against the same "
        "student trained as much longer, more than 1 point lower; means of 2 seeds"
    )
    test["recovered"][1]["box_map50_95"] = 0.55
    assert "within 1 point" in verdict(
        facts, {**test, "recovered": test["recovered"][1:], "longer": test["longer"][1:]}
    )
