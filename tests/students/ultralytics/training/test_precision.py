from dataclasses import replace

import pytest
import torch

from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.end_to_end import own_loss
from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.ultralytics.training.precision import computed_in, lay_out
from gsam_edge.students.ultralytics.training.trainer import MemoryTraining
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.runs import a_run

CPU = torch.device("cpu")


def train(images, student, training, checkpoints=None, **changes):
    run = a_run(seed=3) if checkpoints is None else a_run(seed=3, checkpoints=checkpoints)
    return family_of("yolov8-seg").train(
        images,
        StudentChoice("yolov8-seg", student, "a test"),
        training.model_copy(update=changes),
        losses={},
        pseudo_weight=0.0,
        initial=None,
        validate=None,
        run=run,
    )


def tensors(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    values = outputs.values() if isinstance(outputs, dict) else outputs
    return [tensor for value in values for tensor in tensors(value)]


@pytest.mark.parametrize("architecture", ["yolov8-seg", "yolo26"])
def test_the_network_is_computed_in_bfloat16_and_answers_in_float32(architecture):
    torch.manual_seed(0)
    network = new_network(architecture, "n", 3).train()
    images = torch.rand(4, 3, 160, 160)
    expected = tensors(network(images))
    lay_out(network, CPU)
    inside = []
    network.model[1].register_forward_hook(lambda layer, given, made: inside.append(made))
    network.predict = computed_in(network.predict, "bf16", CPU)
    got = tensors(network(images))
    assert [made.dtype for made in inside] == [torch.bfloat16]
    assert inside[0].is_contiguous(memory_format=torch.channels_last)
    assert {tensor.dtype for tensor in got} == {torch.float32}
    for value, exact in zip(got, expected, strict=True):
        assert (value - exact).norm() < 0.25 * exact.norm()  # random weights and small batches make much of a rounding
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert not torch.is_autocast_enabled("cpu")


def test_in_float32_the_network_computes_as_it_is():
    network = new_network("yolov8", "n", 3)
    assert computed_in(network.predict, "no", CPU) == network.predict


def test_the_loss_of_a_training_is_float32_and_its_precision_is_told(
    make_images, student_config, training_config, monkeypatch, caplog
):
    seen = []
    built = own_loss

    def watched(network, loss):
        made = built(network, loss)

        def call(preds, batch):
            total, items = made(preds, batch)
            seen.append({tensor.dtype for tensor in (*tensors(preds), total)})
            return total, items

        call.__self__ = made
        return call

    monkeypatch.setattr("gsam_edge.students.ultralytics.training.trainer.own_loss", watched)
    caplog.set_level("INFO")
    images = make_images(4, masks=True)
    in_bf16 = train(images, student_config, training_config, steps=2, precision="bf16")
    assert seen == [{torch.float32}] * 2
    assert in_bf16.weights.facts["precision"] == "bfloat16"
    assert "student: 2 steps of 4 images, in bfloat16: " in caplog.text
    in_float = train(images, student_config, training_config, steps=2)
    assert in_float.weights.facts["precision"] == "float32"
    assert "student: 2 steps of 4 images, in float32: " in caplog.text
    for name, value in in_float.history[0].items():
        assert in_bf16.history[0][name] == pytest.approx(value, rel=0.03), name
    assert all(tensor.is_contiguous() for tensor in in_bf16.weights.tensors.values())


def test_a_training_that_continues_in_another_precision_says_so(
    make_images, student_config, training_config, tmp_path, caplog, monkeypatch
):
    store = FolderCheckpoints(tmp_path, keep=2)
    images = make_images(4, masks=True)
    save = MemoryTraining.save_model

    def save_and_die(training):
        save(training)
        raise InterruptedError

    monkeypatch.setattr(MemoryTraining, "save_model", save_and_die)
    with pytest.raises(InterruptedError):
        train(images, student_config, training_config, store, precision="bf16")
    monkeypatch.undo()
    trained = train(replace(images), student_config, training_config, store)
    assert "was trained in bfloat16 so far and continues in float32" in caplog.text
    assert trained.weights.facts["precision"] == "float32"
