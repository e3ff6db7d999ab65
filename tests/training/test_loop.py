import gc
import math
import re
import weakref

import pytest
import torch
from torch import nn

from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.config import LoopConfig, ScalerConfig
from gsam_edge.training.errors import SettingError, TrainingError
from gsam_edge.training.loop import train
from gsam_edge.training.loop.memory import what_to_lower
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
    assert {name for name, _, _ in logged} == {"net/train_loss", "net/squares", "net/size", "net/learning_rate"}
    rates = [(step, value) for name, value, step in logged if name == "net/learning_rate"]
    assert rates[:3] == [(1, pytest.approx(0.005)), (2, pytest.approx(0.0275)), (3, pytest.approx(0.05))]
    assert len(rates) == 200
    assert (result.steps, result.best_step, result.best_value) == (200, 200, None)
    assert not model.training


def test_the_progress_bar_tells_loss_rate_speed_and_the_time_left(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    run(network(), net_loop(epochs=3, learning_rate=0.25, warmup_epochs=0, final_share=1))
    shown = capsys.readouterr().out
    expected = r"^net \S+ +3/3 loss \d+\.\d{3}  lr 2\.5e-01  \d+\.\d images/s +0:00:00"
    assert re.search(expected, shown, re.MULTILINE), shown


class KilledError(Exception):
    pass


def test_a_run_that_was_killed_ends_in_the_same_weights(tmp_path, caplog):
    whole, continued = network(), network()
    run(whole, net_loop())
    store = FolderCheckpoints(tmp_path, keep=2).open("net")

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
    store = FolderCheckpoints(tmp_path, keep=2).open("net")

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
    store = FolderCheckpoints(tmp_path, keep=2).open("net")
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
    store = FolderCheckpoints(tmp_path, keep=2).open("net")
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


@pytest.mark.parametrize("batch_size", [1, 4])
def test_accumulated_batches_are_one_large_batch(batch_size):
    """For losses that are means over batches of one size; dropout draws differ, so there is none here."""

    def trained(rows, **changes):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        x = torch.randn(48, 3)
        logged = []
        train(
            model,
            lambda number: (
                x[number * rows : (number + 1) * rows],
                x[number * rows : (number + 1) * rows].sum(1, True),
            ),
            losses,
            net_loop(epochs=3, **changes),
            name="net",
            run=a_run(log=lambda *entry: logged.append(entry)),
            epoch_images=16,
            batch_size=rows,
        )
        return model.state_dict(), logged

    (whole, expected), (parts, found) = trained(16), trained(batch_size, accumulate=16 // batch_size)
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-4, atol=1e-6)
    assert [(name, step) for name, _, step in found] == [(name, step) for name, _, step in expected]
    assert [value for _, value, _ in found] == pytest.approx([value for _, value, _ in expected], rel=1e-4, abs=1e-6)


def test_statistics_of_what_is_only_tuned_never_move_and_those_of_a_whole_model_do():
    tuned, whole = network(), network()
    before = {name: tensor.clone() for name, tensor in tuned[2].named_buffers()}
    seen = []

    def watched(model, batch):
        seen.append((model[1].training, model[2].training))
        return losses(model, batch)

    run(tuned, net_loop(), losses=watched, trainable_only=True, validate=lambda model: 1.0)
    assert set(seen) == {(True, False)}, "dropout draws, statistics are used and not learnt"
    for name, tensor in tuned[2].named_buffers():
        assert torch.equal(tensor, before[name]), name
    run(whole, net_loop())
    assert not torch.equal(whole[2].running_mean, before["running_mean"])


def test_gradients_that_are_no_numbers_stop_and_are_named():
    """The square root of zero has a finite value and an infinite slope."""

    def steep(model, batch):
        return {"root": (0 * model[3].weight).square().sum().sqrt() + model(batch[0]).mean()}

    with pytest.raises(
        TrainingError, match=r"net: step 0: expected finite gradients, got .* in 1 of 6 .*\(3\.weight\)"
    ):
        run(network(), net_loop(), losses=steep)


@pytest.mark.parametrize(("scale", "steps"), [(4.0, 1), (1.0, 0)])
def test_an_overflow_in_fp16_leaves_the_step_out_until_the_scale_is_not_its_cause(monkeypatch, scale, steps):
    made = torch.amp.GradScaler("cpu", init_scale=scale)
    monkeypatch.setattr("gsam_edge.training.loop.precision._scaler", lambda *_, enabled: made)
    model, before = network(), network()
    seen = []

    def steep(model, batch):
        seen.append(all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True)))
        return {"root": (0 * model[3].weight).square().sum().sqrt() + model(batch[0]).mean()}

    with pytest.raises(TrainingError, match="expected finite gradients"):
        run(model, net_loop(), losses=steep)
    assert seen == [True] * (1 + 2 * steps)
    assert made.get_scale() == 1.0


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried ..."),
        MemoryError("Unable to allocate 3.00 GiB for an array"),
    ],
    ids=["cuda", "torch", "numpy"],
)
def test_out_of_memory_says_what_to_lower_with_the_numbers(error):
    def large(model, batch):
        raise error

    numbers = r"this process has \d+\.\d GiB allocated, \d+\.\d of \d+\.\d GiB are free"
    settings = "A batch has 16 images: to mend it, lower batch_size to 8 and raise loop.accumulate from 3 to 6"
    with pytest.raises(TrainingError, match=rf"net: step 0: out of memory on cpu; {numbers}\. {settings}") as told:
        run(network(), net_loop(accumulate=3), losses=large)
    assert "loop.precision to bf16" in str(told.value)
    assert str(error) in str(told.value)
    with pytest.raises(
        TrainingError,
        match=r"net: validation after step 3 of 12 \(epoch 3 of 12\): out of memory on cpu; .* fewer images at",
    ):
        run(network(), net_loop(), validate=lambda model: large(model, None))


def test_memory_that_a_single_image_lacks_is_not_told_to_halve_its_batch():
    config = net_loop(precision="bf16")
    assert what_to_lower(1, config) == "A batch has 1 image: to mend it, train on smaller images"
    assert "lower batch_size to 2 and raise loop.accumulate from 1 to 3" in what_to_lower(5, config)


def test_another_runtime_error_stays_what_it_is():
    def broken(model, batch):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run(network(), net_loop(), losses=broken)


def trained_with(metrics, **changes):
    """Returns the result of a run whose validations return these metrics, one after the other, and what was logged."""
    values, logged = iter(metrics), []
    options = {"name": "net", "epoch_images": 16, "batch_size": 16, "validate": lambda model: next(values)}
    config = net_loop(epochs=len(metrics), validate_every=1, **changes)
    result = train(network(), batches, losses, config, run=a_run(log=lambda *e: logged.append(e)), **options)
    return result, [entry for entry in logged if entry[0].startswith("net/val_")]


def test_every_metric_of_a_validation_is_logged_and_the_monitored_one_chooses():
    metrics = [{"ap": 0.1, "loss": 3.0}, {"ap": 0.3, "loss": 1.0}, {"ap": 0.2, "loss": 2.0}, {"ap": 0.4, "loss": 1.5}]
    result, logged = trained_with(metrics, monitor="loss", mode="min")
    assert (result.best_step, result.best_value) == (2, 1.0)
    expected = [
        (f"net/val_{name}", value, step) for step, each in enumerate(metrics, 1) for name, value in each.items()
    ]
    assert logged == expected
    assert trained_with(metrics, monitor="ap")[0].best_step == 4
    with pytest.raises(SettingError, match=r"net: loop.monitor: expected one of \['ap', 'loss'\], got 'map'"):
        trained_with(metrics, monitor="map")


def test_a_gain_below_min_delta_keeps_the_weights_but_not_the_patience():
    scores = [{"score": value} for value in (0.5, 0.509, 0.518, 0.6, 0.605, 0.606, 0.9)]
    result, _ = trained_with(scores, min_delta=0.02, patience=2)
    assert (result.steps, result.best_step) == (3, 3)
    result, _ = trained_with(scores, min_delta=0.015, patience=2)
    assert (result.steps, result.best_step) == (6, 6)


def test_a_score_that_is_no_number_is_never_the_best():
    result, _ = trained_with([{"score": value} for value in (math.nan, 0.2, math.nan)])
    assert (result.best_step, result.best_value) == (2, 0.2)


def test_validations_without_a_number_are_none_that_patience_waits_for():
    """As of a metric that the validation set cannot give."""
    result, _ = trained_with([{"score": math.nan}] * 6, patience=2)
    assert result.steps == 2
    result, _ = trained_with([{"score": value} for value in (math.nan, 0.2, math.nan, math.nan, 0.9)], patience=2)
    assert (result.steps, result.best_step, result.best_value) == (4, 2, 0.2)


def test_the_weights_of_another_model_are_not_taken_for_a_checkpoint(tmp_path):
    """As of a run whose adapters lay on fewer layers: what is missing would silently begin anew."""
    store = FolderCheckpoints(tmp_path, keep=2)
    fewer = network()
    fewer[3].requires_grad_(False)
    run(fewer, net_loop(), checkpoints=store, trainable_only=True)
    with pytest.raises(TrainingError, match=r"net: expected a checkpoint with the 6 weights .* got 4; 2 .* delete the"):
        run(network(), net_loop(), checkpoints=store, trainable_only=True)


def test_a_run_is_not_continued_by_another_number_of_images_a_step(tmp_path):
    store = FolderCheckpoints(tmp_path, keep=2)
    run(network(), net_loop(), checkpoints=store)
    with pytest.raises(TrainingError, match=r"continue with 32 images a step, .* of a run with 16; start as many proc"):
        run(network(), net_loop(accumulate=2), checkpoints=store)


def test_a_run_that_had_ended_is_not_trained_again(tmp_path):
    """Killed after its last step, before its result was stored."""
    store = FolderCheckpoints(tmp_path, keep=2)
    values = iter([0.5, 0.4, 0.3])
    first, again = network(), network()
    ended = run(first, net_loop(patience=2), checkpoints=store, validate=lambda model: next(values))
    result = run(again, net_loop(patience=2), checkpoints=store, batches=None, validate=lambda model: 1.0)
    assert (result.steps, result.best_step, result.best_value) == (ended.steps, 3, 0.5) == (9, 3, 0.5)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
