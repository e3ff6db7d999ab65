"""All arms are trained by the same two stages; they differ in their labels, and a killed one goes on where it was."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.annotations import SPLIT
from gsam_edge.coco.predictions import Predictions
from gsam_edge.distill.arms import distillation
from gsam_edge.distill.arms.distillation import arm_run, train_arm, train_controls
from gsam_edge.distill.arms.hand_over import Labeller, chosen_labeller
from gsam_edge.distill.arms.stage import ArmSettings, stage_trainings
from gsam_edge.distill.arms.table import ARMS
from gsam_edge.distill.config import DistillationConfig
from gsam_edge.students.family import StudentTraining
from gsam_edge.students.start import Transfer
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining
from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.metrics import discard_metric
from support.arm_worlds import CONFIG, LABELLING, SCENE, STUDENT, TRAINING, build_data, labels_of
from support.detections import packed
from support.runs import a_run


@pytest.fixture
def settings(augmentation_rules):
    return ArmSettings(STUDENT, CONFIG, LABELLING, SCENE, augmentation_rules, None)


def configured(settings: ArmSettings, **changes) -> ArmSettings:
    return replace(settings, distillation=settings.distillation.model_copy(update=changes))


@pytest.fixture(scope="module")
def untaught(augmentation_rules):
    """A student of a few steps, which finds nothing that a gate could trust."""
    settings = ArmSettings(STUDENT, CONFIG, LABELLING, SCENE, augmentation_rules, None)
    return train_arm("truth", build_data(), settings, a_run()).weights


@pytest.fixture
def stages(monkeypatch, untaught):
    """Trains nothing; each stage: images with a label of a person, images of the pool, its schedule and its start."""
    seen = []

    def train(truth, val, pool, pool_images, images, maps, *, training, initial, run, **more):
        names = [image["file_name"] for part in truth for image in part.images]
        seen.append((sorted(names), sorted(pool.objects), training, initial))
        run.log("student/train_box_loss", 1.0, training.steps)
        transfer = Transfer(None, 0, len(untaught.tensors), 0.0, 0.0, (), {})
        return StudentTraining(untaught, [{"step": 1.0, "train_box_loss": 1.0}], transfer, 0)

    monkeypatch.setattr(distillation, "train_stage", train)
    return seen


@pytest.mark.parametrize(
    ("kind", "architecture", "figures"),
    [
        ("boxes", "yolov8", {"box_map50", "box_map50_95"}),
        ("masks", "fastsam", {"box_map50", "box_map50_95", "mask_map50", "mask_map50_95"}),
        ("both", "yolov8-seg", {"box_map50", "box_map50_95", "mask_map50", "mask_map50_95"}),
    ],
)
def test_the_data_decides_the_student_and_the_facts_say_so(kind, architecture, figures, settings):
    data = build_data(kind)
    trained = train_arm("distilled", data, settings, a_run())
    facts = trained.facts
    assert trained.weights.architecture == facts["student"]["architecture"] == architecture
    assert trained.weights.class_names == ("square",)
    assert set(facts["val"]) == figures
    assert {"train_box_loss", "train_cls_loss", "train_dfl_loss"} <= set(facts["losses"])
    assert [part["steps"] for part in facts["stages"]] == [2, 2]
    assert facts["stages"][0] == {
        "labels": "teacher", "images": 4, "left_out": 0, "objects": 4, "ignored": 0, "background": 0, "duplicates": 0,
        "steps": 2,
    }  # fmt: skip
    handed = facts["hand_over"]
    assert handed["chosen"] == "teacher"  # which finds every object, and a student of two steps finds none
    assert set(handed["figures"]) == {"teacher", "student", "fused"}
    assert handed["figures"]["teacher"]["box_map50_95"] == pytest.approx(1.0)
    found = arm_run("distilled", trained, data, a_run())
    assert set(found.predictions.objects) == {200, 201}
    json.dumps(facts)


def test_arms_differ_in_their_labels_alone(settings, stages):
    data = build_data(held_back=2)
    for name in ARMS:
        train_arm(name, data, settings, a_run())
    own, pool = [f"{number}.png" for number in range(4)], [f"{number}.png" for number in range(300, 304)]
    seen = dict(zip(ARMS, zip(stages[::2], stages[1::2], strict=True), strict=True))
    assert {name: [part[0] for part in both] for name, both in seen.items()} == {
        **{name: [own, own] for name in ARMS},
        "oracle": [own + pool[:2], own + pool[:2]],
    }
    pools = {name: [part[1] for part in both] for name, both in seen.items()}
    # A student of two steps knows nothing that its gate could trust.
    assert pools.pop("self_training")[0] == []
    assert pools == {"truth": [[], []], "hard_labels": [pool, pool], "distilled": [pool, pool], "oracle": [[], []]}
    schedules = {json.dumps([part[2].model_dump() for part in both]) for both in seen.values()}
    assert len(schedules) == 1
    assert all(first[3] is None and second[3] is not None for first, second in seen.values())


def test_self_training_learns_from_the_students_own_labels(settings, stages, monkeypatch):
    """The labels of the second stage are those of the first stage's student, behind a gate of its own."""
    data = build_data()

    def label(weights, val, pool, images, **more):
        return distillation.Labeller("student", labels_of(val), lambda: data.teacher_pool)

    monkeypatch.setattr(distillation, "student_labeller", label)
    facts = train_arm("self_training", data, settings, a_run()).facts
    assert [part["labels"] for part in facts["stages"]] == ["none", "student"]
    assert facts["stages"][1]["objects"] == 4
    assert "hand_over" not in facts
    assert stages[1][1] == [f"{number}.png" for number in range(300, 304)]


def test_a_teacher_is_not_judged_by_masks_that_the_student_does_not_learn():
    """Its boxes are the better ones. That its masks are wrong would count in its mean alone."""
    data = build_data("both")
    true = {image["id"]: data.val.truth(image["id"]) for image in data.val.images}
    scores = np.full(1, 0.9, np.float32)
    finds = {key: replace(each, scores=scores, masks=~each.masks, mask_scores=scores) for key, each in true.items()}
    boxes = {
        key: replace(each, scores=scores, masks=None, xyxy=each.xyxy + np.float32([0, 0, 2, 2]))
        for key, each in true.items()
    }
    teacher, student = (
        Labeller(name, replace(data.teacher_val, objects=packed(objects)), lambda: data.teacher_pool)
        for name, objects in (("teacher", finds), ("student", boxes))
    )
    chosen, told = chosen_labeller(teacher, student, data.val, CONFIG, LABELLING)
    assert chosen.name == told["chosen"] == "teacher"
    assert set(told["figures"]) == {"teacher", "student", "fused"}
    assert all(set(figures) == {"box_map50", "box_map50_95"} for figures in told["figures"].values())


@pytest.mark.parametrize("who", ["fused", "teacher"])
def test_who_labels_the_second_stage_can_be_asked_for(who, settings, stages):
    facts = train_arm("distilled", build_data(), configured(settings, hand_over=who), a_run()).facts
    assert facts["stages"][1]["labels"] == who
    assert ("hand_over" in facts) == (who == "fused")


def test_hard_labels_are_those_from_a_score_on(settings, stages):
    facts = train_arm("hard_labels", build_data(score=0.4), settings, a_run()).facts
    assert facts["stages"][0]["images"] == 0  # 0.5 is asked for, and none is left
    facts = train_arm("hard_labels", build_data(score=0.6), settings, a_run()).facts
    assert facts["stages"][0]["objects"] == 4


def test_without_a_pool_the_distilled_student_is_that_of_the_labels_alone(settings):
    data = build_data(pool=0, held_back=0)
    distilled, alone = (train_arm(name, data, settings, a_run()) for name in ("distilled", "truth"))
    assert distilled.weights.digest == alone.weights.digest
    assert [part["labels"] for part in distilled.facts["stages"]] == ["none", "none"]
    assert list(train_controls(data, settings, a_run())) == []


def test_controls_and_further_seeds_are_trained_with_names_of_their_own(settings, stages, caplog):
    caplog.set_level(logging.INFO)
    logged = set()
    run = a_run(log=lambda name, value, step: logged.add((name.split("/")[0], step)))
    asked = configured(settings, seeds=(5, 7), control=("truth", "oracle"))
    runs = list(train_controls(build_data(), asked, run))
    wanted = [("truth", 5), ("oracle", 5), ("distilled", 7), ("truth", 7), ("oracle", 7)]
    assert [(each.arm, each.seed) for each in runs] == wanted
    assert logged == {(f"{name}_seed{seed}", step) for name, seed in wanted for step in (2, 4)}
    assert "your labels alone, seed 7: second stage, of " in caplog.text  # which of many trainings runs


def test_stages_share_the_schedule_out():
    training = TRAINING.model_copy(
        update={"steps": 300, "truth_only": 0.3, "validate_every": 100, "warmup_steps": 30, "close_mosaic_steps": 90}
    )
    first, second = stage_trainings(training, 0.4)
    assert (first.steps, first.truth_only, first.warmup_steps, first.close_mosaic_steps) == (120, 0, 12, 36)
    assert (second.steps, second.truth_only) == (180, pytest.approx(0.5))
    assert first.validate_every == second.validate_every == 100
    assert [part.steps for part in stage_trainings(TRAINING.model_copy(update={"steps": 2}), 0.01)] == [1, 1]


class KilledError(Exception):
    """The end of a process in a test."""


def same_weights(first, second) -> bool:
    return all(torch.equal(first.tensors[name], tensor) for name, tensor in second.tensors.items())


@pytest.fixture(scope="module")
def whole(augmentation_rules, tmp_path_factory):
    """An arm that nothing stops."""
    settings = ArmSettings(STUDENT, CONFIG, LABELLING, SCENE, augmentation_rules, None)
    checkpoints = FolderCheckpoints(tmp_path_factory.mktemp("whole"), 2)
    return train_arm("distilled", build_data(), settings, a_run(checkpoints=checkpoints))


@pytest.fixture
def saves(monkeypatch):
    """The checkpoints that were written; set `saves.last` to kill the training after so many."""

    class Saves(list[int]):
        last = 0

    written = Saves()

    def save(self, own=MemoryTraining.save_model):
        answer = own(self)
        written.append(self.epoch)
        if len(written) == written.last:
            raise KilledError
        return answer

    monkeypatch.setattr(MemoryTraining, "save_model", save)
    return written


@pytest.mark.parametrize("after", [1, 2, 3])
def test_an_arm_killed_anywhere_ends_with_the_same_weights(after, whole, settings, saves, tmp_path):
    """Inside the first stage, at its end, which is before the second begins, and inside the second."""
    data = build_data()
    saves.last = after
    with pytest.raises(KilledError):
        train_arm("distilled", data, settings, a_run(checkpoints=FolderCheckpoints(tmp_path, 2)))
    saves.last = 0
    rest = train_arm("distilled", data, settings, a_run(checkpoints=FolderCheckpoints(tmp_path, 2)))
    assert len(saves) == 4  # no step is done twice, and no finished stage begins anew
    assert same_weights(whole.weights, rest.weights)
    assert rest.facts == whole.facts


def test_controls_killed_between_two_arms_train_none_twice(settings, saves, tmp_path):
    asked = configured(settings, control=("truth", "oracle"))

    def train():
        return list(train_controls(build_data(), asked, a_run(checkpoints=FolderCheckpoints(tmp_path, 2))))

    saves.last = 5  # the first of the second arm
    with pytest.raises(KilledError):
        train()
    saves.last = 0
    assert [run.arm for run in train()] == ["truth", "oracle"]
    assert len(saves) == 8


def test_arms_that_begin_alike_share_the_stage(settings, saves, tmp_path):
    """Labels alone and self-training have one first stage, which is trained once."""
    checkpoints = FolderCheckpoints(tmp_path, 2)
    logged: dict[str, list] = {"truth": [], "self_training": []}

    def run(name):
        return a_run(checkpoints=checkpoints, log=lambda *entry: logged[name].append(entry))

    train_arm("truth", build_data(), settings, run("truth"))
    assert len(saves) == 4
    facts = train_arm("self_training", build_data(), settings, run("self_training")).facts
    assert sorted(logged["self_training"]) == sorted(logged["truth"])  # its curves are whole nevertheless
    # Its gate trusts no label of a student of two steps; so its second stage is that of labels alone, too.
    assert facts["stages"][1]["images"] == 0
    assert len(saves) == 4


def test_all_that_decides_a_stage_names_its_checkpoints(settings, monkeypatch):
    names = []

    def train(self, data, choice, config, **more):
        raise KilledError

    def opened(self, fingerprint):
        names.append(fingerprint)
        return self

    monkeypatch.setattr("gsam_edge.training.run.Run.opened", opened)
    monkeypatch.setattr("gsam_edge.students.ultralytics.family.Ultralytics.train", train)

    def name(arm="distilled", data=None, *, changed=settings, seed=0) -> None:
        with pytest.raises(KilledError):
            train_arm(arm, build_data() if data is None else data, changed, a_run(seed=seed))

    name()
    name()
    assert names[0] == names[1]
    data = build_data()
    moved = {**data.train.objects[0], "bbox": [1, 1, 9, 9]}
    rules = settings.rules.model_copy(update={"transforms": dict(reversed(settings.rules.transforms.items()))})
    gate = LABELLING.gate.model_copy(update={"precision": 0.6})
    name("truth")
    name("oracle")
    name(seed=1)
    name(data=replace(data, train=data.train.with_objects(np.array([0]), [moved])))
    judged = data.val.with_objects(np.array([0]), [{**data.val.objects[0], "bbox": [1, 1, 9, 9]}])
    name("truth", replace(data, val=judged))
    name(data=build_data(score=0.95))
    name(changed=replace(settings, labelling=LABELLING.model_copy(update={"gate": gate})))
    name(changed=replace(settings, rules=rules))
    name(changed=replace(settings, scene=SCENE.model_copy(update={"characteristics": ()})))
    name(changed=configured(settings, augmentation=None))
    name(changed=configured(settings, burn_in=0.25))
    name(changed=configured(settings, losses=CONFIG.losses.model_copy(update={"detection": 0.5})))
    assert len(set(names)) == len(names) - 1


def test_no_records_are_built_to_name_a_stage(settings, monkeypatch):
    """A digest of bytes tells data apart: records of a large split would take minutes."""
    data = build_data()
    monkeypatch.setattr(Annotations, "to_coco", lambda self: pytest.fail("records of the annotations were built"))
    monkeypatch.setattr(Predictions, "to_dict", lambda self: pytest.fail("records of the labels were gathered"))
    train_arm("truth", data, settings, a_run())


@pytest.mark.parametrize("crowd", [False, True])
def test_a_validation_split_without_objects_is_refused_before_anything_is_trained(crowd, settings):
    data = build_data("both")
    val = replace(data.val, objects=tuple({**record, "iscrowd": 1} for record in data.val.objects if crowd))
    logged = []
    with pytest.raises(
        InvalidDatasetError, match=r"validation split: expected at least one object, .* in its 2 images, got none"
    ):
        train_arm("truth", replace(data, val=val), settings, a_run(log=lambda *entry: logged.append(entry)))
    assert logged == []


@pytest.mark.parametrize("which", ["teacher_val", "teacher_pool"])
def test_labels_of_another_sharing_out_or_of_other_images_are_refused(which, settings):
    data = build_data()
    labels = getattr(data, which)
    (image_id, found), *others = labels.objects.items()
    stale = {
        "expected one made from the present splits.*beginning": replace(labels, split="before"),
        "none of 1 of them, and labels of 1 other images.*beginning": replace(
            labels, objects={**dict(others), image_id + 1000: found}
        ),
        "none of 1 of them, and labels of 0 other images": replace(labels, objects=dict(others)),
    }
    for message, each in stale.items():
        with pytest.raises(InvalidDatasetError, match=f"teacher_labels_.*: .*{message}"):
            train_arm("distilled", replace(data, **{which: each}), settings, a_run(log=discard_metric))


@pytest.mark.parametrize("which", ["val", "test", "held_back", "pool"])
def test_a_part_of_another_split_is_refused(which, settings):
    """It may hold an image that is measured on."""
    data = build_data()
    part = getattr(data, which)
    stale = replace(part, info={**part.info, SPLIT: "before"})
    with pytest.raises(InvalidDatasetError, match=f"annotations_{which}: expected a part of the same split"):
        train_arm("distilled", replace(data, **{which: stale}), settings, a_run(log=discard_metric))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": 0}, "at least one seed"),
        ({"seeds": ()}, "at least one seed"),
        ({"seeds": (1, 1)}, "seeds that differ"),
        ({"seeds": (0, -1)}, "seeds from 0"),
        ({"control": ("truth", "truth")}, "each arm once"),
        ({"control": ("distilled",)}, "control"),
    ],
)
def test_a_request_that_says_nothing_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        DistillationConfig(**CONFIG.model_dump() | changes)
