import gc
import math
import weakref

import pytest
import torch
from torch import nn

from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.config import LoopConfig, ScalerConfig
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.loop import train
from gsam_edge.training.loop.precision import Precision
from gsam_edge.training.metrics import discard_metric
from support.loops import loop_config
from support.runs import a_run

CPU = torch.device("cpu")


def net_loop(**changes):
    """Twelve epochs of one batch, so that epochs are steps."""
    values = {
        "epochs": 12,
        "learning_rate": 0.05,
        "weight_decay": 0.01,
        "warmup_epochs": 2,
        "validate_every": 3,
        "monitor": "score",
        "checkpoint_every": 4,
    }
    return loop_config(LoopConfig, **{**values, **changes})


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 1))


def batches(step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(16, 3, generator=generator)
    return x, x.sum(1, keepdim=True)


def losses(model, batch):
    x, y = batch
    return {"squares": (model(x) - y).square().mean(), "size": 0 * model(x).mean()}


def run(
    model, config, *, batches=batches, losses=losses, log=discard_metric, checkpoints=None, validate=None, **options
):
    scored = (lambda model: {"score": validate(model)}) if validate else None
    run = a_run(log=log, checkpoints=checkpoints, seed=5)
    return train(
        model, batches, losses, config, name="net", run=run, epoch_images=16, batch_size=16, validate=scored, **options
    )


def test_it_learns_and_logs_every_part_of_the_loss():
    logged = []
    model = network()
    result = run(model, net_loop(epochs=200), log=lambda *entry: logged.append(entry))
    first, *_, last = [value for name, value, _ in logged if name == "net/train_loss"]
    assert last < first / 3
    assert {name for name, _, _ in logged} == {"net/train_loss", "net/squares", "net/size"}
    assert (result.steps, result.best_step, result.best_value) == (200, 200, None)
    assert not model.training


class KilledError(Exception):
    pass


def test_a_run_that_was_killed_ends_in_the_same_weights(tmp_path, caplog):
    whole, continued = network(), network()
    run(whole, net_loop())
    store = FolderCheckpoints(tmp_path).open("net")

    def killed_at_nine(step):
        if step == 9:
            raise KilledError
        return batches(step)

    with pytest.raises(KilledError):
        run(continued, net_loop(), batches=killed_at_nine, checkpoints=store)
    assert store.load()["step"] == 8

    restarted = network()
    seen = []
    caplog.set_level("INFO")
    run(restarted, net_loop(), batches=lambda s: seen.append(s) or batches(s), checkpoints=store)
    assert seen == [8, 9, 10, 11]
    assert "continues after step 8 of 12 (epoch 8 of 12), where an earlier run stopped" in caplog.text
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, restarted.state_dict()[name]), name


def test_the_scale_of_the_loss_survives_a_kill(tmp_path, monkeypatch):
    """As with fp16 on a GPU: the scale grows every other step, and a new run would start from the first one."""
    scalers = []

    def growing_scaler(config, device, *, enabled):
        scalers.append(torch.amp.GradScaler(device.type, init_scale=4.0, growth_interval=2))
        return scalers[-1]

    monkeypatch.setattr("gsam_edge.training.loop.precision._scaler", growing_scaler)
    store = FolderCheckpoints(tmp_path).open("net")

    def killed_at_nine(step):
        if step == 9:
            raise KilledError
        return batches(step)

    whole, continued = network(), network()
    run(whole, net_loop())
    with pytest.raises(KilledError):
        run(continued, net_loop(), batches=killed_at_nine, checkpoints=store)
    run(continued, net_loop(), checkpoints=store)
    assert scalers[0].get_scale() == scalers[2].get_scale() == 4.0 * 2**6
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, continued.state_dict()[name]), name


def test_the_best_weights_by_validation_are_kept():
    values = iter([0.2, 0.9, 0.5, 0.4])
    weights = []

    def validate(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        weights.append(model[0].weight.clone())
        return next(values)

    model = network()
    result = run(model, net_loop(), validate=validate)
    assert (result.best_step, result.best_value) == (6, 0.9)
    assert torch.equal(model[0].weight, weights[1])
    assert not torch.equal(model[0].weight, weights[3])


def test_training_stops_when_validation_no_longer_improves():
    values = iter([0.5, 0.4, 0.3, 0.2])
    result = run(network(), net_loop(patience=2), validate=lambda model: next(values))
    assert (result.steps, result.best_step) == (9, 3)


def test_only_trainable_weights_are_checkpointed_when_asked(tmp_path):
    model = network()
    model[0].requires_grad_(False)
    frozen = model[0].weight.clone()
    store = FolderCheckpoints(tmp_path).open("net")
    run(model, net_loop(), checkpoints=store, trainable_only=True, validate=lambda model: 1.0)
    expected = {"2.weight", "2.bias", "3.weight", "3.bias"}
    assert set(store.load()["model"]) == set(store.load()["best"]["weights"]) == expected
    assert torch.equal(model[0].weight, frozen)


def test_a_loss_that_is_no_number_stops_with_its_name_and_step():
    def broken(model, batch):
        good = model(batch[0]).mean()
        return {"fine": good, "broken": good * math.nan}

    with pytest.raises(TrainingError, match=r"net: step 0: expected a finite loss, got fine=\S+, broken=nan"):
        run(network(), net_loop(), losses=broken)


def test_a_loss_that_refuses_to_be_taken_is_told_with_name_and_step():
    def refusing(model, batch):
        raise TrainingError("expected finite boxes, got 3 of 12 that are not")

    with pytest.raises(TrainingError, match=r"net: step 0: expected finite boxes, got 3 of 12"):
        run(network(), net_loop(), losses=refusing)


def test_of_equally_good_weights_the_later_ones_are_kept():
    """An adapter that never found anything has at least been trained to the end."""
    weights = []

    def validate(model):
        weights.append(model[0].weight.clone())
        return 0.0

    model = network()
    result = run(model, net_loop(), validate=validate)
    assert (result.best_step, result.best_value) == (12, 0.0)
    assert torch.equal(model[0].weight, weights[3])
    assert not torch.equal(model[0].weight, weights[0])


def test_a_tie_is_no_new_best_to_patience():
    result = run(network(), net_loop(patience=2), validate=lambda model: 0.5)
    assert (result.steps, result.best_step) == (9, 9)


def test_nothing_to_train_is_an_error():
    with pytest.raises(ValueError, match="at least one parameter with requires_grad"):
        run(network().requires_grad_(False), net_loop())


def test_models_of_different_precision_train_in_one_process_and_stay_plain():
    for precision, expected in (("no", torch.float32), ("bf16", torch.bfloat16), ("no", torch.float32)):
        seen = set()

        def watched(model, batch, seen=seen):
            seen.add(model(batch[0]).dtype)
            return losses(model, batch)

        model = network()
        before = set(vars(model))
        run(model, net_loop(precision=precision, epochs=2), losses=watched)
        assert seen == {expected}
        assert set(vars(model)) == before
        assert model(batches(0)[0]).dtype == torch.float32


def test_a_gradient_is_clipped_by_its_true_length_whatever_the_scale_of_the_loss(monkeypatch):
    """Powers of two scale without rounding, so that the weights are the same to the last bit."""
    plain, scaled = network(), network()
    run(plain, net_loop(gradient_clip=0.01))
    monkeypatch.setattr(
        "gsam_edge.training.loop.precision._scaler", lambda *_, enabled: torch.amp.GradScaler("cpu", init_scale=2.0**10)
    )
    run(scaled, net_loop(gradient_clip=0.01))
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, scaled.state_dict()[name]), name


def test_only_fp16_on_cuda_scales_its_loss(monkeypatch):
    config = net_loop(precision="fp16", scaler=ScalerConfig(init_scale=8.0, growth_interval=5))
    made = []
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device, **options: made.append((device, options)))
    Precision.of(config, torch.device("cuda"), "net")
    assert made == [("cuda", {"init_scale": 8.0, "growth_interval": 5, "enabled": True})]
    monkeypatch.undo()
    for other in ("no", "bf16"):
        assert not Precision.of(net_loop(precision=other), CPU, "net").scaler.is_enabled()


def test_fp16_without_cuda_is_float32_and_says_so(tmp_path, caplog):
    plain, asked = network(), network()
    run(plain, net_loop())
    assert "fp16" not in caplog.text
    store = FolderCheckpoints(tmp_path).open("net")
    run(asked, net_loop(precision="fp16"), checkpoints=store)
    assert "net: precision fp16 needs a CUDA device; on cpu it trains in float32" in caplog.text
    assert store.load()["scaler"] == {}
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, asked.state_dict()[name]), name


def test_a_precision_leaves_no_trace_in_the_next_training():
    """The same weights as a training that was the first of its process."""
    alone, later = network(), network()
    run(alone, net_loop())
    run(network(), net_loop(precision="bf16"))
    assert not torch.is_autocast_enabled("cpu")
    run(later, net_loop())
    for name, tensor in alone.state_dict().items():
        assert torch.equal(tensor, later.state_dict()[name]), name


@pytest.mark.parametrize("fails", [False, True])
def test_a_training_that_ended_holds_no_model(fails):
    """A pipeline trains several models in a row: the memory of each is needed for the next."""

    def refusing(model, batch):
        raise TrainingError("expected finite boxes")

    model = network()
    gone = weakref.ref(model[0].weight)
    if fails:
        with pytest.raises(TrainingError):
            run(model, net_loop(epochs=2), losses=refusing)
    else:
        run(model, net_loop(epochs=2))
    del model
    gc.collect()
    assert gone() is None
