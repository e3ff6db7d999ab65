"""A bundle holds the student that was measured, and its pages say what was measured."""

import json
import os
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from gsam_edge.export.bundle.bundle import chosen
from gsam_edge.export.bundle.config import BundleConfig, format_of
from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.runtime import ArtefactError, Detector
from support.bundles import NAME, RECOMMENDATION, ROW, STUDENT, a_bundle, files_of, unpacked
from support.constant_student import constant_student


@pytest.fixture(scope="module")
def files():
    return files_of(a_bundle())


def test_equal_students_and_reports_give_equal_bytes():
    assert a_bundle() == a_bundle()


def test_it_holds_what_a_device_needs(files):
    assert sorted(files) == [
        "LICENCE_NOTE.md",
        "LICENSE",
        "README.md",
        "README_jetson.md",
        "README_phone.md",
        "README_raspberry_pi.md",
        "README_x86.md",
        "card.json",
        "gsam_edge_runtime-0.1.0-py3-none-any.whl",
        "predict.py",
        "requirements-video.txt",
        "requirements.txt",
        "student.onnx",
    ]
    assert files["student.onnx"] == STUDENT


def test_the_card_says_classes_thresholds_preprocessing_and_figures(files):
    card = json.loads(files["card.json"])
    assert card["classes"] == [
        {"id": 0, "name": "dot", "threshold": 0.6},
        {"id": 1, "name": "dash", "threshold": 0.5},
    ]
    assert card["sha256"] == sha256(STUDENT).hexdigest()
    assert card["preprocessing"]["input"] == {"name": "images", "shape": [1, 3, 32, 32], "dtype": "float32"}
    assert card["measured"] == ROW
    assert card["gate"] == "accepted: prompt-free"
    assert card["why"] == RECOMMENDATION["why"]


def test_the_page_says_thresholds_figures_and_intervals(files):
    page = files["README.md"].decode()
    assert "| dot | 0.60 |" in page
    assert "finds 109 of the 182 objects and reports 9 that are none: 20 false alarms in 100 images" in page
    assert "| box mAP50 | 0.512 | 0.402 to 0.602 |" in page
    assert "| latency ms p50 | 11.8 |  |" in page


def test_no_page_holds_a_gap_that_was_not_filled(files):
    for name, content in files.items():
        if name.endswith(".md"):
            assert "$" not in content.decode(), name


def test_an_artefact_that_was_not_measured_is_bundled_without_figures():
    files = files_of(a_bundle(comparison=[], gate=[]))
    assert {"measured", "gate"}.isdisjoint(json.loads(files["card.json"]))
    assert "`student_onnx` was not measured on test images." in files["README.md"].decode()


def test_a_file_that_was_exported_since_it_was_measured_is_refused():
    with pytest.raises(ArtefactError, match=r"expected the file that was measured .* run the pipeline evaluation"):
        a_bundle(comparison=[ROW | {"digest": "0" * 64}])


def test_a_student_without_thresholds_is_refused():
    with pytest.raises(ArtefactError, match=r"student_onnx: expected the scores .* run the pipeline optimization"):
        a_bundle(content=constant_student())


def test_what_is_asked_for_comes_before_what_is_recommended():
    config = BundleConfig(artefact="student_ncnn", max_pixels=1)
    assert chosen(config, RECOMMENDATION) == ("student_ncnn", "asked for: bundle.artefact")
    assert chosen(BundleConfig(artefact=None, max_pixels=1), RECOMMENDATION) == (NAME, RECOMMENDATION["why"])


def test_where_nothing_is_recommended_there_is_no_bundle_and_it_says_why():
    nothing = {"ship": None, "why": "none keeps the budget"}
    assert chosen(BundleConfig(artefact=None, max_pixels=1), nothing) == NotBuilt("none keeps the budget")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_every_model_is_known_by_its_name(name):
    assert format_of(f"student_{name}") == name
    assert format_of(f"student_pruned_{name}") == name


def test_an_artefact_that_there_is_not_is_an_error_with_a_near_name():
    with pytest.raises(ValidationError, match="did you mean 'student_onnx_int8'"):
        BundleConfig(artefact="student_onnx_int", max_pixels=1)


def run(folder, *arguments, options=(), **environment):
    """Runs predict.py in the folder above the bundle's, as a user does, and returns the finished process."""
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "ORT_DISABLE_TELEMETRY"}}
    command = [sys.executable, *options, str(folder / "predict.py"), *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder.parent, env=clean | environment, capture_output=True, text=True, check=False
    )


def test_the_command_runs_the_bundles_own_runtime_and_finds_what_the_project_finds(tmp_path):
    """An installed gsam_edge, here one that cannot be imported, does not stand in its way; no identity is left."""
    folder = unpacked(tmp_path, a_bundle())
    (tmp_path / "other" / "gsam_edge").mkdir(parents=True)
    (tmp_path / "other" / "gsam_edge" / "__init__.py").write_text("raise RuntimeError('another gsam_edge')\n")
    (tmp_path / "images").mkdir()
    expected = []
    with_threshold = Detector.open(STUDENT, ".onnx", threads=1)
    for number, red in enumerate((250, 10, 200), start=1):
        image = np.full((40, 60, 3), (red, 0, 0), np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        found = with_threshold(image)
        expected += [(number, int(one)) for one in found.class_ids]
    home = tmp_path / "home"
    home.mkdir()
    done = run(
        folder, tmp_path / "images", HOME=str(home), XDG_CACHE_HOME=str(home), PYTHONPATH=str(tmp_path / "other")
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [(one["image_id"], one["category_id"]) for one in results] == expected != []
    assert not list(home.rglob("*"))


def test_without_a_package_the_command_says_the_line_that_installs_it(tmp_path):
    folder = unpacked(tmp_path, a_bundle())
    done = run(folder, "image.jpg", options=("-S",))  # without anything that pip installed
    assert done.returncode == 1
    assert "the package numpy is not installed" in done.stderr
    assert f'-m pip install -r "{folder / "requirements.txt"}"' in done.stderr
