"""A camera is followed image by image, and whatever ends it, what was found is complete."""

import csv
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gsam_edge.runtime import Detector
from gsam_edge.runtime.inference import command
from gsam_edge.runtime.inference.camera import open_camera
from gsam_edge.runtime.inference.video import VideoError
from support.bundles import STUDENT, USE


class FakeCapture:
    """A camera that shows images of rising red, in OpenCV's order of colours, then what ends it."""

    def __init__(self, source, reds=(), end=None):
        self.source, self.reds, self.end, self.settings, self.released = source, list(reds), end, {}, False

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return self.source not in {9, "rtsp://nobody"}

    def set(self, key, value):
        self.settings[key] = value

    def read(self):
        if not self.reds:
            if self.end is not None:
                raise self.end
            return False, None
        return True, np.full((40, 60, 3), (0, 0, self.reds.pop(0)), np.uint8)

    def release(self):
        self.released = True


@pytest.fixture
def opened(monkeypatch):
    """Puts a fake in OpenCV's place, whose cameras show what the list says; returns those that were opened."""
    cameras = []

    def install(reds, end=None):
        def capture(source):
            cameras.append(FakeCapture(source, reds, end))
            return cameras[-1]

        monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(VideoCapture=capture, CAP_PROP_BUFFERSIZE=38))
        return cameras

    return install


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    (tmp_path / "student.onnx").write_bytes(STUDENT)
    (tmp_path / "card.json").write_text(json.dumps({"file": "student.onnx", "use": USE}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(folder):
    return list(csv.DictReader((folder / "results" / "results.csv").open()))


@pytest.mark.parametrize("end", [None, KeyboardInterrupt()])
def test_what_was_found_until_the_end_is_complete(bundle, opened, end, capsys):
    cameras = opened([250, 10, 200], end)
    assert command.run(["camera:1"], folder=bundle) == 0
    assert [(line["image_id"], line["file_name"], line["class"]) for line in table(bundle)] == [
        ("1", "camera:1#1", "dash"),
        ("3", "camera:1#3", "dash"),
    ]
    assert [one["image_id"] for one in json.loads((bundle / "results" / "results.json").read_text())] == [1, 3]
    report = json.loads((bundle / "results" / "report.json").read_text())
    assert (report["images"], report["with_objects"], report["objects"]) == (3, 2, {"dot": 0, "dash": 2})
    assert cameras[0].source == 1
    assert cameras[0].released
    assert cameras[0].settings == {38: 1}
    assert "objects: 2 dash" in capsys.readouterr().out


def test_the_colours_are_the_right_way_round(bundle, opened):
    """OpenCV gives blue first: read so, nothing here were red, and nothing found."""
    opened([250])
    assert command.run(["camera:0"], folder=bundle) == 0
    found = Detector.open(STUDENT, ".onnx", threads=1)(np.full((40, 60, 3), (250, 0, 0), np.uint8))
    assert [float(line["score"]) for line in table(bundle)] == pytest.approx(found.scores.tolist(), abs=1e-3)
    assert Image.open(bundle / "results" / "latest.jpg").size == (60, 40)


def test_frames_ends_it(bundle, opened):
    opened([250] * 5, AssertionError("asked for more"))
    assert command.run(["rtsp://host/path", "--frames", "5"], folder=bundle) == 0
    assert len(table(bundle)) == 5


def test_a_password_in_an_address_is_written_nowhere(bundle, opened, capsys):
    cameras = opened([250])
    address = "rtsp://me:secret@host:554/path?key=secret"
    assert command.run([address], folder=bundle) == 0
    assert cameras[0].source == address
    assert table(bundle)[0]["file_name"] == "rtsp://host:554/path#1"
    said = capsys.readouterr()
    written = [path.read_text() for path in (bundle / "results").iterdir() if path.suffix in {".csv", ".json"}]
    assert not [text for text in (*written, said.out, said.err) if "secret" in text]


@pytest.mark.parametrize("source", ["camera:9", "rtsp://nobody"])
def test_a_camera_that_does_not_open_is_one_message(bundle, opened, source, capsys):
    cameras = opened([])
    assert command.run([source], folder=bundle) == 1
    assert f"expected a camera or stream that gives images, {source} does not" in capsys.readouterr().err
    assert cameras[0].released
    assert not (bundle / "results").exists()


def test_a_camera_that_gives_nothing_is_one_message(bundle, opened, capsys):
    opened([])
    assert command.run(["camera:0"], folder=bundle) == 1
    assert "expected images of camera:0, got none" in capsys.readouterr().err


def test_a_camera_has_a_number(opened):
    opened([])
    with pytest.raises(VideoError, match="expected a number behind camera:, such as camera:0, got camera:left"):
        open_camera("camera:left")


def test_an_address_that_does_not_parse_is_one_message(bundle, opened, capsys):
    opened([])
    assert command.run(["rtsp://[host/path"], folder=bundle) == 1
    assert "expected the address of a stream, such as rtsp://host/path" in capsys.readouterr().err


def test_without_opencv_the_message_says_how_it_is_installed(bundle, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert command.run(["camera:0"], folder=bundle) == 1
    assert "pip install opencv-python-headless" in capsys.readouterr().err


def test_a_path_is_no_camera():
    assert open_camera("images") is None
