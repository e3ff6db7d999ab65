"""The bundle in an environment that holds what its README installs alone, on the oldest Python and on ours."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from gsam_edge.export.bundle.wheel import OLDEST_PYTHON, WHEEL_NAME
from gsam_edge.runtime import Card, Detector
from support.bundles import a_bundle, unpacked

pytestmark = pytest.mark.slow

MOST_MB, IMPORT_S, FIRST_ANSWER_S = 250, 0.3, 1.0
THRESHOLD = 0.05

#: Prints seconds of processor time: of the import, and from there to the first answer. A busy machine does not change
#: them, and with one thread they are the seconds that a user waits on an idle one.
TIMES = """
import time
start = time.process_time()
from gsam_edge.runtime import Detector
imported = time.process_time()
Detector.open("student_int8.onnx", threads=1).file("../images/0.png", max_pixels=10**6)
print(imported - start, time.process_time() - imported)
"""
#: Prints the installed modules that the device must not need.
STRANGERS = """
import importlib.util
print([name for name in ("torch", "kedro", "ultralytics", "cv2", "pydantic") if importlib.util.find_spec(name)])
"""


def interpreter(version):
    """Returns a Python of a version that starts, or skips the test."""
    if version is None:
        return sys.executable
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"no python{version} that starts is on the PATH")
    return python


def student(edge_int8):
    """A YOLOv8n-seg in INT8, whose card recommends thresholds."""
    model = onnx.load_from_string(edge_int8)
    properties = {each.key: each.value for each in model.metadata_props}
    classes = len(Card.from_properties(properties).class_names)
    onnx.helper.set_model_props(model, properties | {"recommended_thresholds": json.dumps([THRESHOLD] * classes)})
    return model.SerializeToString()


@pytest.fixture(params=[None, OLDEST_PYTHON], ids=["ours", "oldest"])
def unpacked_bundle(request, edge_int8, tmp_path_factory):
    """The bundle of a small student in a folder, as its README says: an environment of its own, and the packages."""
    python = interpreter(request.param)
    folder = unpacked(
        tmp_path_factory.mktemp("device"),
        a_bundle("student_onnx_int8", student(edge_int8), comparison=[], gate=[]),
    )
    (folder.parent / "images").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(pixels).save(folder.parent / "images" / f"{number}.png")
    page = (folder / "README.md").read_text("utf-8")
    made, installed, _ = page.partition("```console\n")[2].partition("```")[0].splitlines()
    call(folder, made.replace("python3", python, 1))
    environment_without_pip = size_mb(folder / "venv")
    done = call(folder, installed, check=False)
    if done.returncode:
        pytest.skip(f"the bundle's packages cannot be had here: {done.stderr.strip()[-300:]}")
    return folder, size_mb(folder / "venv") - environment_without_pip


def call(folder, command, check=True):
    """Runs a line of the README in the bundle's folder, without what surrounds the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ORT_", "OMP_"))}
    done = subprocess.run(command.split(" "), cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def size_mb(folder: Path):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def test_a_user_who_follows_the_page_gets_the_projects_answers_small_and_soon(unpacked_bundle):
    folder, installed_mb = unpacked_bundle
    assert installed_mb < MOST_MB
    call(folder, "venv/bin/python predict.py ../images")
    detect = Detector.open(folder / "student_int8.onnx", threads=1)
    expected = {path.name: detect.file(path, max_pixels=10**6) for path in sorted((folder.parent / "images").iterdir())}
    found = list(csv.DictReader((folder / "results" / "results.csv").open()))
    assert len(found) == sum(map(len, expected.values())) > 0
    for name, one in expected.items():
        lines = [line for line in found if line["file_name"] == name]
        assert [line["class"] for line in lines] == [detect.card.class_names[number] for number in one.class_ids]
        # other versions of ONNX Runtime round integers otherwise now and then
        np.testing.assert_allclose([float(line["score"]) for line in lines], one.scores, atol=0.01)
        corners = [[float(line[side]) for side in ("left", "top", "right", "bottom")] for line in lines]
        np.testing.assert_allclose(np.reshape(corners, (-1, 4)), one.xyxy, atol=0.5)
    detect.close()

    assert call(folder, f"venv/bin/python -m pip install --no-deps {WHEEL_NAME}").returncode == 0
    assert call(folder, "venv/bin/python -m pip check").returncode == 0
    (folder / "strangers.py").write_text(STRANGERS)
    assert call(folder, "venv/bin/python strangers.py").stdout.strip() == "[]"
    (folder / "times.py").write_text(TIMES)
    times = np.array([call(folder, "venv/bin/python times.py").stdout.split() for _ in range(3)], float).min(0)
    assert times[0] < IMPORT_S
    assert times[1] < FIRST_ANSWER_S
