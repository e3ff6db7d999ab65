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

#: Says what the setting was when ONNX Runtime was first imported.
WATCHED = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
            sys.meta_path.remove(self)
sys.meta_path.insert(0, Watch())
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
    quiet, allowed = tmp_path / "quiet", tmp_path / "allowed"
    quiet.mkdir()
    allowed.mkdir()
    if not left_in_a_home(allowed, ORT_DISABLE_TELEMETRY="0"):
        pytest.skip("this ONNX Runtime makes no identity on this machine even where it is allowed to")
    assert left_in_a_home(quiet) == []


def test_telemetry_is_off_before_onnx_runtime_is_loaded(tmp_path):
    """Whatever a machine's ONNX Runtime makes of it, the setting stands when the library is first imported."""
    (tmp_path / "student.onnx").write_bytes(constant_student())
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    answer = subprocess.run(
        [sys.executable, "-c", WATCHED + OPEN],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert answer.stdout.split() == ["1"]
