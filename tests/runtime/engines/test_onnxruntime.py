"""ONNX Runtime reports nothing to anybody where a student is opened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.constant_student import constant_student

#: Opens a student as a user's program does.
OPEN = """
from gsam_edge.runtime import Detector
Detector.open("student.onnx", score_threshold=0.5, threads=1)
"""


def left_in_a_home(folder: Path, **settings: str) -> list[str]:
    """Opens a student in a process with a home folder of its own, and returns what ONNX Runtime leaves in that."""
    (folder / "student.onnx").write_bytes(constant_student())
    home = folder / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", OPEN], cwd=folder, env=environment | own | settings, check=True)
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def test_no_identity_of_the_device_is_made(tmp_path):
    """Left to itself it writes one and asks for its maker's host; the file is what can be seen of that."""
    assert left_in_a_home(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="where the identity is kept was looked up on Linux alone")
def test_the_test_above_can_fail(tmp_path):
    assert "deviceid" in left_in_a_home(tmp_path, ORT_DISABLE_TELEMETRY="0")
