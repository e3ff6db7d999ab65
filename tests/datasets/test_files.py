"""Round trips and refusals of the datasets that touch project files."""

import inspect
import json
import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from kedro.io import DatasetError, Version
from PIL import Image

from gsam_edge.coco import Annotations
from gsam_edge.datasets.coco import AnnotationsDataset, RawCocoDataset
from gsam_edge.datasets.images import ImageFolderDataset
from gsam_edge.datasets.models import AdapterDataset, ArtefactDataset, StudentBaseDataset, TeacherBaseDataset
from gsam_edge.datasets.plots import FigureDataset, InteractiveFigureDataset
from gsam_edge.datasets.reports import ReportDataset
from gsam_edge.datasets.state import JsonStoreDataset
from gsam_edge.export.format import NotBuilt
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.training.durable import new_folder, write_bytes
from gsam_edge.vision.images import ImageError

CONTENT = {
    "info": {"year": 2026},
    "images": [{"id": 3, "file_name": "a.png", "width": 4, "height": 2}],
    "annotations": [{"id": 1, "image_id": 3, "category_id": 7, "bbox": [0, 0, 2, 2], "iscrowd": 0}],
    "categories": [{"id": 7, "name": "Öhr"}],
}


def png(width: int = 4, height: int = 2) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), (9, 8, 7)).save(buffer, format="PNG")
    return buffer.getvalue()


def test_write_bytes_leaves_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a" / "file"
    write_bytes(target, b"old")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_new_folder_replaces_the_old_one_only_when_the_block_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    with new_folder(target) as draft:
        (draft / "one").write_text("1")
    with pytest.raises(OSError, match="no such"), new_folder(target) as draft:  # noqa: PT012  the block is the test
        (draft / "two").write_text("2")
        raise OSError("no such disk")
    assert [path.name for path in target.iterdir()] == ["one"]
    with new_folder(target) as draft:
        (draft / "three").write_text("3")
    assert [path.name for path in target.iterdir()] == ["three"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_new_folder_where_nothing_can_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsam_edge.training.durable._exchange", lambda one, other: False)
    test_new_folder_replaces_the_old_one_only_when_the_block_succeeds(tmp_path)
    target, rename = tmp_path / "folder", os.replace

    def refuse_the_new_one(source: Path, destination: Path) -> None:
        if source.name == "new":
            raise OSError("no more")
        rename(source, destination)

    monkeypatch.setattr("os.replace", refuse_the_new_one)
    with pytest.raises(OSError, match="no more"), new_folder(target):
        pass
    assert [path.name for path in target.iterdir()] == ["three"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no call lets two folders change places")
def test_a_folder_is_there_when_its_writer_is_killed_after_any_rename(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    program = f"""
import os, pathlib, signal
from gsam_edge.training.durable import new_folder
with new_folder(pathlib.Path({str(target)!r})) as draft:
    (draft / "old").touch()
rename = os.replace
def rename_and_die(*paths):
    rename(*paths)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = rename_and_die
with new_folder(pathlib.Path({str(target)!r})) as draft:
    (draft / "new").touch()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    assert target.is_dir()
    assert len(list(target.iterdir())) == 1


def test_annotations_round_trip(tmp_path: Path) -> None:
    dataset = AnnotationsDataset(filepath=str(tmp_path / "annotations.json"))
    assert not dataset.exists()
    value = Annotations.from_coco(CONTENT)
    dataset.save(value)
    assert dataset.exists()
    assert dataset.load() == value
    assert json.loads(dataset.preview()) == {"images": 1, "objects": 1, "classes": {"Öhr": 1}}


@pytest.mark.parametrize("folder", ["models", "x [v2]", "x*", "what?", "[!a]"])
def test_versions_load_the_newest(tmp_path: Path, folder: str) -> None:
    def at(version: str | None) -> ArtefactDataset:
        return ArtefactDataset(
            filepath=str(tmp_path / folder / "student"), format="onnx_int8", version=Version(None, version)
        )

    at("2026-01-01T00.00.00.000Z").save(b"first")
    at("2026-01-02T00.00.00.000Z").save(b"second")
    newest = at(None)
    assert newest.exists()
    assert newest.load() == b"second"
    at(None).save(b"third")
    assert at(None).load() == b"third"
    assert (tmp_path / folder / "student_int8.onnx").is_dir()


def test_an_artefact_that_could_not_be_made_keeps_its_reason(tmp_path: Path) -> None:
    dataset = ArtefactDataset(filepath=str(tmp_path / "student"), format="onnx")
    dataset.save(NotBuilt("no room"))
    assert dataset.load() == NotBuilt("no room")
    assert json.loads((tmp_path / "student.onnx").read_text()) == {"status": "not built", "why": "no room"}


def test_a_format_that_nobody_writes_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected a format among \[.*'onnx', .*\], got 'tflite'"):
        ArtefactDataset(filepath=str(tmp_path / "student"), format="tflite")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: None, "no folder"),
        (lambda folder: folder.mkdir(), "found no such file"),
        (lambda folder: (folder.mkdir(), (folder / "annotations.json").write_text("{oops")), "does not parse"),
        (lambda folder: (folder.mkdir(), (folder / "annotations.json").write_bytes(b"\xff\xfe")), "does not parse"),
        (lambda folder: (folder.mkdir(), (folder / "annotations.json").write_text("[" * 200_000)), "does not parse"),
    ],
)
def test_raw_coco_says_what_is_wrong(tmp_path: Path, prepare, message: str) -> None:
    folder = tmp_path / "dataset"
    prepare(folder)
    with pytest.raises(DatasetError, match=message):
        RawCocoDataset(filepath=str(folder / "annotations.json")).load()


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds no JSON file.* format=voc|format=voc .or one of .*voc, yolo"),
        (
            {"a/x.json": "{}"},
            "a/x.json .of no known layout.. If one of them is the COCO file, call it annotations.json",
        ),
        ({"x.json": "{oops"}, "x.json .of no known layout."),
        ({"train.JSON": '{"images": [], "annotations": []}'}, "train.JSON .COCO.* is made by: .*,format=coco"),
        (
            {f"{i}.json": '{"shapes": [], "imagePath": ""}' for i in range(7)},
            "4.json .LabelMe. and 2 more.*format=labelme",
        ),
        (
            {"x.json": '{"items": [], "categories": {}}'},
            "x.json .Datumaro.. A dataset is made by: .*,format=datumaro",
        ),
        (
            {"x.json": '[{"image": "a.png", "annotations": []}]'},
            "x.json .CreateML.. This looks like CreateML.* Export it as COCO",
        ),
    ],
)
def test_a_folder_without_annotations_is_told_what_it_holds(tmp_path: Path, files: dict[str, str], told: str) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    with pytest.raises(DatasetError, match=f"found no such file; the folder .*{told}"):
        RawCocoDataset(filepath=str(tmp_path / "annotations.json")).load()


def test_raw_coco_is_read_only(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="never written"):
        RawCocoDataset(filepath=str(tmp_path / "annotations.json")).save({})


def test_image_folder_reads_inside_and_refuses_outside(tmp_path: Path) -> None:
    outside = tmp_path / "secret.png"
    outside.write_bytes(png())
    dataset = ImageFolderDataset(filepath=str(tmp_path / "images"), max_pixels=100)
    dataset.save({"sub/a.png": png(), "big.png": png(20, 20)})
    (tmp_path / "images" / "link.png").symlink_to(outside)
    (tmp_path / "images" / "gone.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "images" / "loop.png").symlink_to("loop.png")
    (tmp_path / "images" / "round").symlink_to("round")
    images = dataset.load()
    assert list(images) == ["big.png", "gone.png", "link.png", "loop.png", "sub/a.png"]
    assert images["sub/a.png"].shape == (2, 4, 3)
    assert images.probe("sub/a.png") == (2, 4)
    for name, message in {
        "../secret.png": "inside the dataset's folder",
        str(outside): "inside the dataset's folder",
        "link.png": "inside the dataset's folder",
        "missing.png": "found no file",
        "gone.png": "inside the dataset's folder",
        "loop.png": "expected the name of an image file",
        "round/a.png": "expected the name of an image file",
        "big.png": "at most 100 pixels",
        "nul\0.png": "expected the name of an image file",
    }.items():
        with pytest.raises(ImageError, match=message):
            images[name]
    assert not np.array_equal(images["sub/a.png"], 0)


def test_missing_image_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="found none"):
        ImageFolderDataset(filepath=str(tmp_path / "no"), max_pixels=100).load()
    assert len(ImageFolderDataset(filepath=str(tmp_path / "no"), max_pixels=100, optional=True).load()) == 0


def test_an_adapter_that_is_not_needed_keeps_its_reason(tmp_path: Path) -> None:
    dataset = AdapterDataset(filepath=str(tmp_path / "adapter.safetensors"))
    value = {"status": "not needed", "why": "the annotations hold no boxes"}
    dataset.save(value)
    assert dataset.load() == value


@pytest.mark.parametrize("family", TEACHERS)
def test_a_missing_base_model_is_named(tmp_path: Path, family: str) -> None:
    with pytest.raises(DatasetError, match="found none") as error:
        TeacherBaseDataset(family=family, filepath=str(tmp_path / "nothing")).load()
    assert TEACHERS[family].expects in str(error.value)
    assert TEACHERS[family].advice in str(error.value)


def test_a_teacher_without_weights_is_an_empty_value() -> None:
    dataset = TeacherBaseDataset(family="sam")
    assert dataset.exists()
    assert dataset.load() == {"status": "not needed", "why": "no weights are named"}


STUDENT = StudentWeights(
    architecture="yolov8",
    size="n",
    class_names=("seal",),
    image_size=64,
    edge=EdgeConfig(max_detections=1, candidates=1, iou_threshold=0.5, nms_iterations=1, score_floor=0.0),
    tensors={"model.0.conv.weight": torch.zeros(1)},
)


def test_a_missing_start_is_named_with_all_that_may_stand_there(tmp_path: Path) -> None:
    dataset = StudentBaseDataset(filepath=str(tmp_path / "yolov8s-seg.pt"))
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="found none") as error:
        dataset.load()
    for part in ("yolov8s-seg.pt is what its makers call it", "student_base", ".safetensors", "null"):
        assert part in str(error.value)


def test_a_start_that_is_null_is_an_empty_value() -> None:
    dataset = StudentBaseDataset(filepath=None)
    assert dataset.exists()
    assert dataset.load()["status"] == "not needed"
    with pytest.raises(DatasetError, match=r"expected a filepath \.safetensors"):
        dataset.save(STUDENT)


def test_a_student_is_stored_as_a_start(tmp_path: Path) -> None:
    dataset = StudentBaseDataset(filepath=str(tmp_path / "student.safetensors"))
    dataset.save(STUDENT)
    start = dataset.load()
    assert (start.name, start.digest, start.class_names) == ("student.safetensors", STUDENT.digest, STUDENT.class_names)
    with pytest.raises(DatasetError, match=r"expected a filepath \.safetensors"):
        StudentBaseDataset(filepath=str(tmp_path / "student.pt")).save(STUDENT)


def test_a_teacher_that_nobody_knows_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"expected one of \['grounding_dino', 'sam'.*\], got 'samm'"):
        TeacherBaseDataset(family="samm", filepath="x")


def test_reports_hold_no_nan(tmp_path: Path) -> None:
    dataset = ReportDataset(filepath=str(tmp_path / "report.json"))
    dataset.save({"map50": 0.5})
    with pytest.raises((ValueError, DatasetError)):
        dataset.save({"map50": float("nan")})
    assert dataset.load() == {"map50": 0.5}


def test_figures_are_written_as_png(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    dataset = FigureDataset(filepath=str(tmp_path / "plot.png"))
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    dataset.save(figure)
    with Image.open(tmp_path / "plot.png") as image:
        assert image.format == "PNG"
    assert dataset.load().size == (640, 480)  # a notebook shows it
    (tmp_path / "plot.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="expected a PNG file"):
        dataset.load()


def test_interactive_figures_are_written_as_plotlys_json_and_shown_by_kedro_viz(tmp_path: Path) -> None:
    from plotly.graph_objects import Figure, Scatter
    from plotly.io import from_json

    dataset = InteractiveFigureDataset(filepath=str(tmp_path / "folder" / "plot.json"))
    figure = Figure(Scatter(x=[0, 1], y=[0.5, 0.25], name="穂"))
    dataset.save(figure)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["plot.json"]
    assert from_json((tmp_path / "folder" / "plot.json").read_text()) == dataset.load() == figure
    assert dataset.preview()["data"][0]["y"] == [0.5, 0.25]
    annotation = inspect.signature(dataset.preview).return_annotation
    assert getattr(annotation, "__name__", annotation) == "PlotlyPreview"  # as kedro-viz asks, a class or its name


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"data": [{"type": "no such"}]}'])
def test_what_is_no_figure_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "plot.json").write_text(content)
    with pytest.raises(DatasetError, match=r"plot.json: expected a figure in plotly's JSON"):
        InteractiveFigureDataset(filepath=str(tmp_path / "plot.json")).load()


def test_json_store_survives_and_refuses_paths(tmp_path: Path) -> None:
    store = JsonStoreDataset(filepath=str(tmp_path / "store")).load()
    assert len(store) == 0
    store["ab12"] = {"labels": []}
    again = JsonStoreDataset(filepath=str(tmp_path / "store")).load()
    assert dict(again) == {"ab12": {"labels": []}}
    assert "ab12" in again
    with pytest.raises(KeyError):
        again["../ab12"]
    del again["ab12"]
    assert "ab12" not in again


def test_fractions_of_a_report_are_rounded_for_people_and_whole_numbers_stay(tmp_path):
    report = {"map50": 0.02767280902299042, "rows": [(1234567.0, 8.720195784893039e-07)], "images": 123456789}
    for digits, expected in (
        (6, {"map50": 0.0276728, "rows": [[1234570.0, 8.7202e-07]], "images": 123456789}),
        (None, {**report, "rows": [[1234567.0, 8.720195784893039e-07]]}),
    ):
        dataset = ReportDataset(filepath=str(tmp_path / "report.json"), significant_digits=digits)
        dataset.save(report)
        assert dataset.load() == expected
