"""Two processes on the CPU, started by `accelerate launch`, train what one process trains with the same batches."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from gsam_edge.training.errors import TrainingError
from support.launched import Net, trained

SUPPORT = Path(__file__).parents[1]


def launched(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `support/launched.py` in two processes."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]
    command += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0"]
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    # A launcher's configuration may ask for accumulation, too; that of the parameters alone counts.
    environment |= {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"}
    script = [str(SUPPORT / "support" / "launched.py"), *map(str, arguments)]
    return subprocess.run(
        [*command, *script], capture_output=True, text=True, check=False, env=environment, timeout=600
    )


def curves_of(ended: dict[str, Any]) -> dict[str, list[float]]:
    """Returns the values of each metric that was logged, step by step."""
    curves: dict[str, list[float]] = {}
    for name, _, value in sorted(ended["logged"]):
        curves.setdefault(name, []).append(value)
    return curves


@pytest.mark.slow
def test_where_one_process_fails_all_of_them_end_and_its_error_is_told(tmp_path: Path) -> None:
    """The other one waits for gradients that never come."""
    done = launched(tmp_path, 5)
    assert done.returncode == 1
    assert "TrainingError: net: step 2: expected finite boxes, got 3 of 12 that are not" in done.stderr
    assert not list(tmp_path.glob("?.pt"))


@pytest.mark.slow
def test_two_processes_end_in_the_weights_of_one_that_accumulates(tmp_path: Path) -> None:
    done = launched(tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    assert "destroy_process_group" not in done.stderr, "the group of processes was not ended"

    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    alone = trained(tmp_path / "alone", accumulate=2)
    assert (first["seen"], second["seen"]) == (list(range(0, 24, 2)), list(range(1, 24, 2)))
    assert alone["seen"] == list(range(24))
    assert first["best_step"] == second["best_step"] == alone["best_step"] == 12
    start = Net().state_dict()
    for name, tensor in alone["weights"].items():
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        torch.testing.assert_close(first["weights"][name], tensor, rtol=1e-4, atol=1e-6)
        assert torch.equal(tensor, start[name]) == name.startswith("never."), name

    assert second["logged"] == []
    curves, expected = curves_of(first), curves_of(alone)
    assert curves.keys() == {"net/train_loss", "net/squares", "net/learning_rate", "net/val_score"}
    for name in curves.keys() - {"net/val_score"}:
        assert len(curves[name]) == 12
        assert curves[name] == pytest.approx(expected[name], rel=1e-4), name
    assert (tmp_path / "state_0").exists()
    assert not (tmp_path / "state_1").exists(), "another process than the first wrote a checkpoint"


@pytest.mark.slow
def test_one_process_and_two_continue_each_others_checkpoints(tmp_path: Path) -> None:
    """Killed in the seventh of twelve steps, whose images one process sees in two batches and two in one each."""
    whole = trained(tmp_path / "whole", accumulate=2)
    assert launched(tmp_path, 13).returncode == 1
    shutil.copytree(tmp_path / "state_0", tmp_path / "of_two")
    with pytest.raises(TrainingError, match="step 6"):
        trained(tmp_path / "of_one", accumulate=2, refuse=13)
    shutil.rmtree(tmp_path / "state_0")
    shutil.copytree(tmp_path / "of_one", tmp_path / "state_0")

    by_one = trained(tmp_path / "of_two", accumulate=2)
    done = launched(tmp_path)
    assert done.returncode == 0, done.stderr[-6000:]
    by_two = torch.load(tmp_path / "0.pt", weights_only=True)
    for continued in (by_one, by_two):
        assert min(continued["seen"]) == 12, "it began anew"
        assert continued["best_step"] == whole["best_step"] == 12
        for name, losses in curves_of(whole).items():
            if name != "net/val_score":
                assert curves_of(continued)[name] == pytest.approx(losses[6:], rel=1e-4), name
        for name, tensor in whole["weights"].items():
            torch.testing.assert_close(continued["weights"][name], tensor, rtol=1e-4, atol=1e-6)
