"""Two processes on the CPU, started by `accelerate launch`, train what one process trains with the same batches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

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

    assert set(first["logged"]) == {"net/train_loss", "net/squares", "net/learning_rate", "net/val_score"}
    assert second["logged"] == []
    assert (tmp_path / "state_0").exists()
    assert not (tmp_path / "state_1").exists(), "another process than the first wrote a checkpoint"
