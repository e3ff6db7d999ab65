import random

import numpy as np
import pytest
import torch

from gsam_edge.training.device import resolve_device, resolve_precision
from gsam_edge.training.errors import SettingError
from gsam_edge.training.seed import derived_seed, seed_everything


def test_auto_takes_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
    assert resolve_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(SettingError, match="PyTorch finds none"):
        resolve_device("cuda")


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert resolve_device("auto") == resolve_device("cuda") == torch.device("cuda", 1)
    assert resolve_device("cpu") == torch.device("cpu")


def test_an_unknown_device_is_named():
    with pytest.raises(SettingError, match="'cpu', 'cuda' or 'auto', got 'gpu'"):
        resolve_device("gpu")


@pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ({"amx_bf16": True}, "bf16"),
        ({"avx512_bf16": True}, "bf16"),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, "no"),
        ({"architecture": "aarch64", "bf16": True}, "no"),
        ({}, "no"),
    ],
)
def test_auto_is_bf16_where_the_cpu_has_instructions_for_it(monkeypatch, capabilities, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision("auto", torch.device("cpu")) == chosen
    for named in ("no", "bf16", "fp16"):
        assert resolve_precision(named, torch.device("cpu")) == named


@pytest.mark.parametrize(("native", "chosen"), [(True, "bf16"), (False, "no")])
def test_auto_is_bf16_on_a_gpu_that_does_not_emulate_it(monkeypatch, native, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native or including_emulation)
    assert resolve_precision("auto", torch.device("cuda")) == chosen


def test_one_seed_fixes_every_generator():
    def draw():
        seed_everything(3)
        return random.getrandbits(32), float(np.random.rand()), float(torch.rand(()))

    assert draw() == draw()


def test_seeds_out_of_range_are_refused():
    with pytest.raises(SettingError, match="got -1"):
        seed_everything(-1)


def test_derived_seeds_are_stable_and_differ():
    assert derived_seed(0, 1) == derived_seed(0, 1)
    assert len({derived_seed(seed, step) for seed in range(20) for step in range(20)}) == 400
