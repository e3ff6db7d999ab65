"""The command of a bundle, from a user's words to files and messages."""

import csv
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from gsam_edge.runtime.inference import command
from support.bundles import STUDENT, USE


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A bundle's folder, with a folder of images beside it; the command is called in the folder above both."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "student.onnx").write_bytes(STUDENT)
    (folder / "card.json").write_text(json.dumps({"file": "student.onnx", "use": USE}))
    (tmp_path / "images").mkdir()
    for name, red in (("bright.png", 250), ("dim.png", 140), ("dark.png", 10)):
        save(tmp_path / "images" / name, red)
    monkeypatch.chdir(tmp_path)
    return folder


def save(path, red):
    Image.fromarray(np.full((40, 60, 3), (red, 0, 0), np.uint8)).save(path)


def test_a_folder_becomes_a_table_cocos_results_and_drawings(bundle, tmp_path, capsys):
    """The student finds a dash, as sure as the image is red; its card shows dashes from 0.5 on."""
    assert command.run(["images"], folder=bundle) == 0
    lines = list(csv.DictReader((tmp_path / "results" / "results.csv").open()))
    assert [(line["file_name"], line["class"]) for line in lines] == [("bright.png", "dash"), ("dim.png", "dash")]
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [one["image_id"] for one in results] == [1, 3]
    assert {path.name for path in (tmp_path / "results" / "drawn").iterdir()} == {
        "000001_bright.jpg",
        "000002_dark.jpg",
        "000003_dim.jpg",
    }
    said = capsys.readouterr().out
    assert said.startswith("images: 3, ")
    assert "objects: 2 dash\n" in said
    assert "results/results.csv\n" in said


def test_what_cannot_be_read_and_what_is_no_image_is_counted_and_named(bundle, tmp_path, capsys):
    (tmp_path / "images" / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    (tmp_path / "images" / "notes.txt").write_text("hello")
    assert command.run(["images"], folder=bundle) == 0
    said = capsys.readouterr().out
    assert "cannot be read: 1; results/report.json names them" in said
    assert "not looked at: 1 .txt" in said
    report = json.loads((tmp_path / "results" / "report.json").read_text())
    assert [one["file_name"] for one in report["unreadable"]] == ["broken.jpg"]


@pytest.mark.slow  # runs in one process: parallel ones cannot send one another a report that holds such a name
@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names of files are text")
def test_a_name_that_is_no_text_ends_nothing(bundle, tmp_path):
    save(tmp_path / "images" / "b\udcffd.png", 250)
    (tmp_path / "images" / "broken\udcff.jpg").write_bytes(b"\xff\xd8 no more")
    assert command.run(["images"], folder=bundle) == 0
    report = json.loads((tmp_path / "results" / "report.json").read_text())
    assert [one["file_name"] for one in report["unreadable"]] == ["broken\udcff.jpg"]


def test_letters_that_the_console_lacks_end_nothing(bundle, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    assert command.run(["images", "--out", "\u888b"], folder=bundle) == 0
    sys.stdout.flush()
    assert b"\\u888b/results.csv" in written.getvalue()


def test_names_from_outside_send_no_codes_to_the_terminal(bundle, tmp_path, capsys):
    assert command.run(["none\x1b"], folder=bundle) == 1
    assert "found nothing: none␛" in capsys.readouterr().err
    save(tmp_path / "images" / "red\x1b[31m.png", 250)
    assert command.run(["images", "--out", "out\x1b[31m"], folder=bundle) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "out␛[31m" in said.out


def test_several_files_keep_the_order_in_which_they_are_named(bundle, tmp_path):
    save(tmp_path / "alone.png", 250)
    assert command.run(["images/dim.png", "alone.png", "images/bright.png"], folder=bundle) == 0
    lines = list(csv.DictReader((tmp_path / "results" / "results.csv").open()))
    assert [line["file_name"] for line in lines] == ["images/dim.png", "alone.png", "images/bright.png"]


def test_a_score_threshold_of_the_user_takes_the_place_of_the_cards(bundle, tmp_path):
    assert command.run(["images", "--score-threshold", "0.7"], folder=bundle) == 0
    lines = list(csv.DictReader((tmp_path / "results" / "results.csv").open()))
    assert [line["file_name"] for line in lines] == ["bright.png"]


def test_nothing_is_overwritten(bundle, tmp_path, capsys):
    for _ in range(2):
        assert command.run(["images/dim.png"], folder=bundle) == 0
    assert (tmp_path / "results_2" / "results.csv").is_file()
    assert command.run(["images/dim.png", "--out", "results"], folder=bundle) == 1
    assert "--out: expected a folder that is new or empty, got results" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nowhere"],
            "expected an image, a folder, a pattern such as images/*.jpg, or a video, found nothing: nowhere",
        ),
        (["images", "images/dim.png"], "expected image files where there are several, got images"),
        (["bundle"], "expected image files"),
        (["images/dim.png", "--provider", "Abacus"], "which ONNX Runtime has here, got ['Abacus']"),
    ],
)
def test_what_a_user_can_mend_is_one_message(bundle, arguments, message, capsys):
    assert command.run(arguments, folder=bundle) == 1
    said = capsys.readouterr().err
    assert said.startswith("predict.py: ")
    assert message in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["images", "--score-threshold", "2"], "expected a number in 0..1, got 2"),
        (["images", "--score-threshold", "much"], "expected a number in 0..1, got much"),
        (["images", "--score-threshold", "nan"], "expected a number in 0..1, got nan"),
        (["images", "--threads", "two"], "expected a whole number from 0, got two"),
        (["images", "--threads", "-1"], "expected a whole number from 0, got -1"),
        ([], "the following arguments are required: source"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(bundle, arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        command.run(arguments, folder=bundle)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("broken", [None, "{", "[]", '{"file": "student.onnx"}', '{"file": "student.onnx", "use": {}}'])
def test_a_bundle_that_was_not_unpacked_whole_says_so(bundle, broken, capsys):
    (bundle / "card.json").unlink()
    if broken is not None:
        (bundle / "card.json").write_text(broken)
    assert command.run(["images"], folder=bundle) == 1
    assert "expected the card of a bundle" in capsys.readouterr().err


def test_a_card_names_no_file_outside_its_folder(bundle, tmp_path, capsys):
    (tmp_path / "outside.onnx").write_bytes(STUDENT)
    (bundle / "card.json").write_text(json.dumps({"file": "../outside.onnx", "use": USE}))
    assert command.run(["images"], folder=bundle) == 1
    assert f"{bundle / 'outside.onnx'}: expected the bundle's student, found no file" in capsys.readouterr().err


def test_tiles_of_the_card_are_used(bundle, tmp_path):
    """In tiles the student finds its dash in each."""
    tiles = {"side": 30, "overlap": 0.0, "whole": False, "iou_threshold": 0.9, "cut_share": 1.0}
    (bundle / "card.json").write_text(json.dumps({"file": "student.onnx", "use": USE | {"tiles": tiles}}))
    assert command.run(["images/bright.png"], folder=bundle) == 0
    assert len(list(csv.DictReader((tmp_path / "results" / "results.csv").open()))) > 1
