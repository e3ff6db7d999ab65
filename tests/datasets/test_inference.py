"""What inference reads and writes: the source, the student of a name, the store, and the folder of results."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.io import DatasetError

from gsam_edge.datasets.inference.exported import ExportedStudents
from gsam_edge.datasets.inference.results import InferenceResultsDataset
from gsam_edge.datasets.inference.source import SourceDataset
from gsam_edge.datasets.models import ArtefactDataset
from gsam_edge.datasets.state import JsonStore
from gsam_edge.export.format import NotBuilt
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.inference import files
from gsam_edge.runtime.inference.files import DrawingSettings
from gsam_edge.runtime.inference.sources import open_source
from gsam_edge.runtime.inference.stream import find_objects
from support.inference import detector, image_folder, unwatched

DRAWING = DrawingSettings(width=64, sheet_columns=2, sheet_rows=1, sheet_width=48)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models with some formats each, as the catalog keeps them."""
    for model in ("student", "student_pruned"):
        (tmp_path / f"{model}_weights.safetensors").mkdir()
    for model, name, version, value in (
        ("student", "onnx", "2026-01", b"old"),
        ("student", "onnx", "2026-02", b"new"),
        ("student", "onnx_int8", "2026-01", NotBuilt("refused: 5 points of accuracy lost")),
        ("student", "openvino", "2026-01", b"zip"),
        ("student_pruned", "onnx", "2026-01", b"pruned"),
    ):
        dataset = ArtefactDataset(filepath=str(tmp_path / model), format=name)
        path = Path(dataset._filepath)
        dataset.write(path / version / path.name, value)
    return tmp_path


def test_a_student_is_found_by_its_catalog_name_in_its_newest_version(folder):
    students = ExportedStudents(folder)
    assert students.names() == ("student_onnx", "student_openvino", "student_pruned_onnx")
    assert (students["student_onnx"].content, students["student_onnx"].suffix) == (b"new", ".onnx")
    assert students["student_pruned_onnx"].content == b"pruned"
    assert students["student_openvino"].suffix == ".openvino.zip"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("student_onnx_int8", "student_onnx_int8: expected an exported student, but there is none: refused: 5 points"),
        ("student_ncnn", "expected the name of an exported student, got 'student_ncnn'"),
        ("student", "expected the name of an exported student, got 'student'"),
        ("../student_onnx", r"expected the name of an exported student, got '\.\./student_onnx'"),
    ],
)
def test_where_it_was_not_built_the_message_names_those_that_were(folder, name, message):
    with pytest.raises(ArtefactError, match=message) as refused:
        ExportedStudents(folder)[name]
    assert "those that were built: student_onnx, student_openvino, student_pruned_onnx" in str(refused.value)


def test_where_nothing_was_built_the_pipeline_is_named(tmp_path):
    with pytest.raises(ArtefactError, match="run the pipeline optimization first"):
        ExportedStudents(tmp_path)["student_onnx"]


def test_a_source_is_read_and_never_written(tmp_path):
    dataset = SourceDataset(filepath=str(image_folder(tmp_path / "a", 2)), max_pixels=10_000)
    assert dataset.exists()
    assert len(dataset.load()) == 2
    with pytest.raises(DatasetError, match="never written"):
        dataset.save(dataset.load())
    missing = SourceDataset(filepath=str(tmp_path / "gone"), max_pixels=10_000)
    assert not missing.exists()
    with pytest.raises(DatasetError, match=r"found nothing: .*gone; name another with --params=source=path"):
        missing.load()


def test_results_are_replaced_as_a_whole_or_stay(tmp_path):
    source = open_source(str(image_folder(tmp_path / "a", 2)), max_pixels=10_000)
    settings = {"identity": "one", "tiling": None, "batch_size": 1, "watch": unwatched}
    results, _ = find_objects(source, detector()[0], {}, **settings)
    dataset = InferenceResultsDataset(filepath=str(tmp_path / "results"))
    dataset.save((results, DRAWING))
    before = {path.name for path in (tmp_path / "results").iterdir()}
    assert before == {files.RESULTS_FILE, files.IMAGES_FILE, files.TABLE_FILE, files.DRAWN_FOLDER, files.SHEET_FILE}
    results.store.clear()  # the next one fails half-way
    with pytest.raises(DatasetError):
        dataset.save((results, DRAWING))
    assert {path.name for path in (tmp_path / "results").iterdir()} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".results")]


def look(images: Path, store: Path, kill_at: int | None) -> dict:
    """Looks at all images, or kills its own process in place of the image of that number."""

    def watch(items, count):
        for number, item in enumerate(items):
            if number == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield item

    source = open_source(str(images), max_pixels=10_000)
    settings = {"identity": "one", "tiling": None, "batch_size": 1, "watch": watch}
    return find_objects(source, detector()[0], JsonStore(store), **settings)[1]


def test_a_process_that_is_killed_leaves_what_it_found_and_the_next_one_finds_the_rest(tmp_path):
    images = image_folder(tmp_path / "a", 6)
    program = f"import sys; sys.path[:0] = {sys.path!r}\nfrom {__name__.rpartition('.')[2]} import look\n"
    program += f"from pathlib import Path\nlook(Path({str(images)!r}), Path({str(tmp_path / 'store')!r}), 4)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    killed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    report = look(images, tmp_path / "store", None)
    assert (report["from_before"], report["new"], report["images"]) == (4, 2, 6)
    assert report["objects"] == {"red": 6, "green": 0}
    assert json.loads(json.dumps(report)) == report
