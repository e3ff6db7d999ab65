"""A process that is really killed while it trains a student, and what the next one makes of its checkpoints."""

import multiprocessing
import signal
from pathlib import Path

import pytest
import torch

from support.killed_student import work


def run(folder: Path, killed_at: int) -> int | None:
    """Returns the exit code of a process of its own; the server that starts it has Ultralytics loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "gsam_edge.students.ultralytics.training.train"])
    process = context.Process(target=work, args=(folder, killed_at))
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.slow
def test_a_student_killed_at_two_steps_ends_in_the_same_weights(tmp_path: Path) -> None:
    """Bit for bit: killed in a step of both pools, and in one where the truth is alone."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    assert run(whole, 0) == 0
    for step, states in ((5, 1), (7, 2)):
        assert run(killed, step) == -signal.SIGKILL, step
        assert not (killed / "result.pt").exists()
        assert len(list((killed / "state").glob("*.pt"))) == states
    assert run(killed, 0) == 0
    expected, ended = (torch.load(folder / "result.pt", weights_only=True) for folder in (whole, killed))
    assert ended["history"] == expected["history"]
    assert [line["step"] for line in ended["history"]] == [3, 6, 7]
    assert set(ended["weights"]) == set(expected["weights"])
    for name, tensor in expected["weights"].items():
        assert torch.equal(tensor, ended["weights"][name]), name
