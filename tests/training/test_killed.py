"""A process that is really killed, and what the next one makes of its checkpoints."""

import multiprocessing
import signal
from pathlib import Path

import pytest
import torch

from support.killed import work


def run(folder: Path, moment: str) -> int | None:
    """Returns the exit code of a process of its own; the server that starts it has PyTorch loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "gsam_edge.training.loop"])  # AdamW imports the first late
    process = context.Process(target=work, args=(folder, moment))
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.slow
def test_a_run_killed_at_three_moments_ends_in_the_same_weights(tmp_path: Path) -> None:
    """Bit for bit, with accumulation, a growing scale of the loss, dropout, statistics, and patience that ends it."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    assert run(whole, "never") == 0
    for moment in ("step", "checkpoint", "validation"):
        assert run(killed, moment) == -signal.SIGKILL, moment
        assert not (killed / "result.pt").exists()
        assert list((killed / "state").glob("*.pt")), "nothing to continue from"
        unfinished = list((killed / "state").glob("*.part"))
        assert len(unfinished) == (moment == "checkpoint")
    assert run(killed, "never") == 0

    expected, found = (torch.load(folder / "result.pt", weights_only=True) for folder in (whole, killed))
    assert found["seen"][0] > expected["seen"][0] == 0, "it began anew"
    for key in ("steps", "best_step", "best_value"):
        assert found[key] == expected[key], key
    assert 0 < expected["best_step"] < expected["steps"] < 14, "patience has no part in this test"
    assert set(found["weights"]) == set(expected["weights"])
    for name, tensor in expected["weights"].items():
        assert torch.equal(tensor, found["weights"][name]), name
    assert expected["state"]["scaler"]["scale"] > 4
    assert found["state"]["scaler"] == expected["state"]["scaler"]
    assert found["state"]["epoch"] == expected["state"]["epoch"] == expected["steps"]
    assert found["state"]["best"]["stale"] == expected["state"]["best"]["stale"] == 4
