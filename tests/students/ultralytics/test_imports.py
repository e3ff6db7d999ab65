import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from gsam_edge.vision.errors import UserError

SCRIPT = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import gsam_edge.students.ultralytics.imports as gateway
print(gateway.LOGGER.level, [k for k in ("mlflow", "sync", "wandb") if gateway.SETTINGS[k]])
"""


def test_ultralytics_enters_quiet_offline_and_leaves_nothing(tmp_path):
    home, work, temporary = (tmp_path / name for name in ("home", "work", "tmp"))
    for folder in (home, work, temporary):
        folder.mkdir()
    environment = {"HOME": str(home), "TMPDIR": str(temporary), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "30 []"
    assert [path for folder in (home, work) for path in Path(folder).rglob("*")] == []
    assert not list(temporary.glob("gsam-edge-ultralytics-*"))


def test_the_room_itself_imports_nothing_heavy():
    script = (
        "import sys, gsam_edge.students, gsam_edge.distill; "
        "heavy = {'torch', 'ultralytics', 'transformers', 'onnxruntime'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pillow_opens_files_as_it_did_before() -> None:
    from PIL import Image

    from gsam_edge.students.ultralytics import imports as gateway

    assert gateway.DetectionModel is not None
    assert Image.open.__module__ == "PIL.Image"


def test_an_ultralytics_that_was_imported_before_without_safe_loading_is_refused(monkeypatch):
    from gsam_edge.students.ultralytics import imports as gateway

    monkeypatch.setattr("ultralytics.utils.SAFE_LOAD", False)
    with pytest.raises(UserError, match="imported earlier in this process without") as caught:
        importlib.reload(gateway)
    assert isinstance(caught.value, ImportError)
