from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gsam_edge.augmentation import Description, build
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.family import StudentValidation
from gsam_edge.students.images import LabelledImages, LabelWeights
from gsam_edge.students.start import Start
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining
from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.errors import TrainingError
from support.runs import a_run

CPU = torch.device("cpu")


class KilledError(RuntimeError):
    pass


def run(images, architecture, student, training, **changes):
    run = a_run(**{"seed": 3} | {name: changes.pop(name) for name in ("log", "checkpoints", "seed") if name in changes})
    data = replace(images, augmentation=changes.pop("augmentation", None))
    options = {"losses": {}, "pseudo_weight": 0.0, "initial": None, "validate": None, **changes}
    return family_of(architecture).train(
        data, StudentChoice(architecture, student, "a test"), training, run=run, **options
    )


def equal(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def scorer(images: LabelledImages):
    def validate(predict) -> StudentValidation:
        found = [predict(images.images[name]) for name in images.labels]
        ap50 = average_precision(list(images.labels.values()), found, 0.5)
        return StudentValidation(ap50, {"box_map50": ap50})

    return validate


def half_pseudo(images: LabelledImages) -> LabelledImages:
    """The second half of the images with labels of a machine: the first object of each counts little or is ignored."""
    names = list(images.labels)[len(images.labels) // 2 :]
    weights = {}
    for number, name in enumerate(names):
        full = LabelWeights.full(len(images.labels[name]))
        first = np.arange(len(full)) == 0
        less = np.where(first, 0.3, 1).astype(np.float32)
        weights[name] = LabelWeights(less, less, less, ignored=first & (number % 2 == 0))
    return replace(images, weights=weights, pseudo=frozenset(names))


@pytest.mark.parametrize(("architecture", "masks"), [("yolov8", False), ("yolov8-seg", True)])
def test_the_same_seed_gives_the_same_student_and_another_seed_another(
    make_images, student_config, training_config, architecture, masks
):
    images = make_images(8, masks=masks)
    first, again = (run(images, architecture, student_config, training_config) for _ in range(2))
    other = run(images, architecture, student_config, training_config, seed=4)
    assert equal(first.weights.tensors, again.weights.tensors)
    assert first.history == again.history
    assert not equal(first.weights.tensors, other.weights.tensors)


@pytest.fixture
def described(augmentation_rules):
    words = Description(characteristics=("changes_shape",), environment={"lighting": "variable"}, intensity="high")
    return build(words, augmentation_rules)


def test_a_description_changes_what_is_learnt_the_same_way_for_the_same_seed(
    make_images, student_config, training_config, described
):
    images = make_images(6, masks=True)
    training = training_config.model_copy(update={"steps": 2})
    plain, first, again = (
        run(images, "yolov8-seg", student_config, training, augmentation=augmentation)
        for augmentation in (None, described, described)
    )
    assert equal(first.weights.tensors, again.weights.tensors)
    assert not equal(first.weights.tensors, plain.weights.tensors)


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_killed_run_ends_like_one_that_was_never_killed(
    make_images, student_config, training_config, tmp_path, described, caplog, monkeypatch, precision
):
    images, held_out = half_pseudo(make_images(8, masks=True)), make_images(3, masks=True, first=100)
    training = training_config.model_copy(update={"steps": 5, "precision": precision})
    options = {"validate": scorer(held_out), "augmentation": described, "pseudo_weight": 1.0}
    whole = run(images, "yolov8-seg", student_config, training, **options)

    def killed_at_step_4(name: str, value: float, step: int) -> None:
        if step == 4:
            raise KilledError

    store = FolderCheckpoints(tmp_path, keep=2)
    with pytest.raises(KilledError):
        run(
            images,
            "yolov8-seg",
            student_config,
            training,
            checkpoints=store,
            log=killed_at_step_4,
            **options,
        )
    assert store.load()["epoch"] == 0
    caplog.set_level("INFO")
    resumed = run(images, "yolov8-seg", student_config, training, checkpoints=store, **options)
    assert "student: continues after step 2 of 5, where an earlier run stopped" in caplog.text
    assert "student: step 5 of 5, validation " in caplog.text
    assert resumed.history == whole.history
    assert equal(resumed.weights.tensors, whole.weights.tensors)

    logged: list[tuple[str, float, int]] = []
    unread = replace(images, images={})  # a finished training looks at no image, and logs its curves again
    finished = run(
        unread, "yolov8-seg", student_config, training, checkpoints=store, log=lambda *entry: logged.append(entry)
    )
    assert equal(finished.weights.tensors, whole.weights.tensors)
    assert [(v, step) for name, v, step in logged if name == "student/train_box_loss"] == [
        (line["train_box_loss"], line["step"]) for line in whole.history
    ]


def test_metrics_are_logged_at_each_validation_and_nothing_is_written(
    make_images, student_config, training_config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    logged: list[tuple[str, float, int]] = []
    images = make_images(5, masks=False)
    result = run(
        images,
        "yolov8",
        student_config,
        training_config,
        validate=scorer(images),
        log=lambda *entry: logged.append(entry),
    )
    assert [(step) for name, _, step in logged if name == "student/train_box_loss"] == [2, 4]
    assert {name for name, _, _ in logged} == {
        "student/train_box_loss",
        "student/train_cls_loss",
        "student/train_dfl_loss",
        "student/val_box_map50",
        "student/learning_rate",
    }
    assert all(np.isfinite(value) for _, value, _ in logged)
    assert [line["step"] for line in result.history] == [2, 4]
    assert list(Path(tmp_path).iterdir()) == []


def test_the_best_weights_are_kept(make_images, student_config, training_config):
    fitnesses, states = iter([0.2, 0.9, 0.5]), []
    training = training_config.model_copy(update={"steps": 6})

    def spy(predict) -> StudentValidation:
        states.append({name: tensor.clone() for name, tensor in predict._module.state_dict().items()})
        return StudentValidation(next(fitnesses), {})

    best = run(make_images(4, masks=False), "yolov8", student_config, training, validate=spy)
    assert equal(EdgeStudent(best.weights).state_dict(), states[1])


def test_starting_from_another_student_takes_over_all_but_its_classes(make_images, student_config, training_config):
    source = run(make_images(4, masks=True), "yolov8-seg", student_config, training_config).weights
    source = Start.of(replace(source, class_names=("ring", "star")).half(), "another")
    training = training_config.model_copy(update={"learning_rate": 1e-9, "steps": 2})
    seg = run(make_images(4, masks=True), "fastsam", student_config, training, initial=source)
    box = run(make_images(4, masks=False), "yolov8", student_config, training, initial=source)
    assert [each.transfer.tensors - each.transfer.tensors_taken for each in (seg, box)] == [6, 6]
    stem = "model.0.conv.weight"
    for result in (seg, box):
        torch.testing.assert_close(result.weights.tensors[stem], source.tensors[stem].float(), atol=1e-5, rtol=0)


def test_a_loss_that_is_no_number_stops_with_advice(make_images, student_config, training_config):
    silent = SimpleNamespace(plain_share=0.5, of=lambda name, xyxy: {})
    images = replace(make_images(4, masks=False), maps=silent)
    endless = {"endless": (1.0, lambda outputs, targets: outputs.class_logits.sum() * float("inf"))}
    with pytest.raises(TrainingError, match=r"finite losses and weights up to step 2, .*lower learning rate"):
        run(images, "yolov8", student_config, training_config, losses=endless, validate=scorer(images))


@pytest.mark.parametrize(("at_batch", "kind"), [(1, RuntimeError), (3, torch.OutOfMemoryError)])
def test_a_batch_that_does_not_fit_stops_the_training(
    make_images, student_config, training_config, monkeypatch, at_batch, kind
):
    """In the first steps, where Ultralytics would halve it and go on, and later."""
    batches = []
    preprocess = MemoryTraining.preprocess_batch

    def out_of_memory(self, batch):
        batches.append(len(batch["img"]))
        if len(batches) == at_batch:
            raise kind("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return preprocess(self, batch)

    monkeypatch.setattr(MemoryTraining, "preprocess_batch", out_of_memory)
    with pytest.raises(
        TrainingError, match=r"batch_size 4 at 64 pixels does not fit .*lower distillation.training.batch_size or"
    ):
        run(make_images(8, masks=False), "yolov8", student_config, training_config)
    assert batches == [4] * at_batch


def test_pseudo_labels_are_learnt_from_and_logged_apart_until_the_truth_alone_is_left(
    make_images, student_config, training_config
):
    """The means are those of the steps that have the loss: here one of the two of the second validation."""
    data = half_pseudo(make_images(8, masks=True))
    taught = run(data, "yolov8-seg", student_config, training_config, pseudo_weight=1.0)
    parts = {"box_loss", "seg_loss", "cls_loss", "dfl_loss"}
    expected = {"step", "learning_rate", *(f"{kind}_{part}" for kind in ("train", "pseudo") for part in parts)}
    assert [set(line) for line in taught.history] == [expected] * 2
    training = training_config.model_copy(update={"truth_only": 0.5})
    later = run(data, "yolov8-seg", student_config, training, pseudo_weight=1.0)
    assert set(later.history[1]) == {name for name in expected if not name.startswith("pseudo")}
    untaught = run(data, "yolov8-seg", student_config, training_config, pseudo_weight=0.0)
    assert not equal(taught.weights.tensors, untaught.weights.tensors)


def test_one_image_with_the_truth_is_enough(make_images, student_config, training_config, caplog):
    """Fewer than half a batch, and no batch of one image."""
    caplog.set_level("INFO")
    images = make_images(3, masks=True)
    data = replace(images, pseudo=frozenset(list(images.labels)[1:]))
    run(data, "yolov8-seg", student_config, training_config, pseudo_weight=1.0)
    assert (
        "student: 4 steps of 4 images, in float32: 10.0 passes over 1 images, 3.0 passes over 2 images whose labels no "
        "person gave" in caplog.text
    )
    run(make_images(1, masks=True), "yolov8-seg", student_config, training_config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pseudo": frozenset({"0.png", "1.png"})}, "expected an image with labels that a person gave, got 2 without"),
        ({"pseudo": frozenset({"7.png"})}, r"weights and pseudo-labels of labelled images, got \['7.png'\]"),
        (
            {"weights": {"0.png": LabelWeights.full(9)}},
            "weights of 0.png: expected [12], one per labelled object, got 9",
        ),
    ],
)
def test_weights_and_pools_that_do_not_fit_the_labels_are_errors(
    make_images, student_config, training_config, changes, message
):
    with pytest.raises((ValueError, InvalidDatasetError), match=message):
        run(replace(make_images(2, masks=False), **changes), "yolov8", student_config, training_config)


def test_training_stops_after_so_many_validations_without_a_better_one(make_images, student_config, training_config):
    training = training_config.model_copy(update={"steps": 12, "validate_every": 2, "patience": 2})
    fitnesses = iter([0.5, 0.4, 0.3, 0.9])
    done = run(
        make_images(4, masks=False),
        "yolov8",
        student_config,
        training,
        validate=lambda predict: StudentValidation(next(fitnesses), {}),
    )
    assert [line["step"] for line in done.history] == [2, 4, 6]


@pytest.mark.parametrize(
    ("count", "got"),
    [(0, "got none"), (3, r"got \d, all too unsure to be learnt \(ignored\)")],
    ids=["none", "ignored"],
)
def test_no_labelled_object_is_an_error(make_images, student_config, training_config, count, got):
    images = make_images(2, masks=False)
    few = {name: objects.select(np.arange(min(count, len(objects)))) for name, objects in images.labels.items()}
    unsure = {
        name: replace(LabelWeights.full(len(labels)), ignored=np.ones(len(labels), bool))
        for name, labels in few.items()
    }
    with pytest.raises(InvalidDatasetError, match=f"expected a labelled object in 2 training images, {got}"):
        run(replace(images, labels=few, weights=unsure), "yolov8", student_config, training_config)


@pytest.mark.slow
def test_a_student_learns_the_shapes(make_images, student_config, training_config):
    images, held_out = make_images(64, masks=True), make_images(16, masks=True, first=500)
    training = training_config.model_copy(
        update={"steps": 480, "learning_rate": 2e-3, "ema_decay": 0.9, "validate_every": 80, "close_mosaic_steps": 16}
    )
    result = run(images, "yolov8-seg", student_config, training, validate=scorer(held_out))
    assert max(line["val_box_map50"] for line in result.history) > 0.8


@pytest.mark.slow
def test_images_may_be_loaded_by_other_processes(make_images, student_config, training_config, tmp_path, monkeypatch):
    """As on a GPU: a training that was killed continues to the weights it would have had."""
    load = MemoryTraining.get_dataloader

    def with_processes(self, *arguments, **options):
        self.args.workers = 2
        return load(self, *arguments, **options)

    monkeypatch.setattr(MemoryTraining, "get_dataloader", with_processes)
    images = half_pseudo(make_images(8, masks=True))
    whole = run(images, "yolov8-seg", student_config, training_config, pseudo_weight=1.0)

    def killed_at_step_4(name: str, value: float, step: int) -> None:
        if step == 4:
            raise KilledError

    store = FolderCheckpoints(tmp_path, keep=2)
    with pytest.raises(KilledError):
        run(images, "yolov8-seg", student_config, training_config, pseudo_weight=1.0, checkpoints=store,
            log=killed_at_step_4)  # fmt: skip
    resumed = run(images, "yolov8-seg", student_config, training_config, pseudo_weight=1.0, checkpoints=store)
    assert resumed.history == whole.history
    assert equal(resumed.weights.tensors, whole.weights.tensors)
