"""The whole job and the student that it made speak to nobody, and write nowhere but into the project.

Where the machine allows no network of one's own, only what Python itself looks up and connects to is seen.
"""

import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from support.recording.namespace import why_not
from support.recording.record import Recorded, recorded_run
from support.whole_runs import report

pytestmark = pytest.mark.slow

#: A student of four steps finds next to nothing: recommended is none.
PARAMETERS = "--params=dataset=dataset,labelling.detection.max_detections=2,bundle.artefact=student_onnx"
STEPS = {"data_validation", "teacher_finetune", "distillation", "optimization", "evaluation", "report", "bundle"}

#: What somebody writes who has the file alone. It stays for a while: ONNX Runtime reports home from a thread, later.
SCRIPT = """
import time
import numpy as np
from gsam_edge.runtime import Detector
detector = Detector.open("student.onnx", score_threshold=0.0, threads=1)
print(len(detector(np.zeros((96, 96, 3), np.uint8)).scores))
time.sleep(15)
detector.close()
"""


@pytest.fixture(scope="module")
def job(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    command = [sys.executable, "-m", "kedro", "run", "--env=test", PARAMETERS]
    folder = tmp_path_factory.mktemp("recorded") / "job"
    recorded = recorded_run(command, project, folder, PYTHONPATH=str(project / "src"))
    assert recorded.done.returncode == 0, recorded.done.stdout[-2000:] + recorded.done.stderr[-6000:]
    assert set(report(project, "run_record")["steps"]) >= STEPS
    return recorded


def a_script(project: Path, job: Recorded, folder: Path, **environment: str) -> Recorded:
    """A user's script opens the exported student in a folder of its own."""
    assert job.done.returncode == 0
    (student,) = (project / "data" / "test" / "06_models" / "student.onnx").glob("*/student.onnx")
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "student.onnx").write_bytes(student.read_bytes())
    environment |= {"PYTHONPATH": str(project / "src")}
    recorded = recorded_run([sys.executable, "-c", SCRIPT], folder / "work", folder / "recorded", **environment)
    assert recorded.done.returncode == 0, recorded.done.stderr
    return recorded


def test_the_whole_job_asks_nobody(job: Recorded) -> None:
    assert len({event["process"] for event in job.events if "process" in event}) > 1, "no child of the run is recorded"
    assert job.contacts() == []


def test_the_whole_job_writes_nothing_outside_the_project(project: Path, job: Recorded) -> None:
    written = [event["path"] for event in job.events if "path" in event]
    assert any(path.startswith(str(project / "data" / "test")) for path in written), "the record holds no file"
    assert job.written_outside(project) == []


def test_the_whole_job_leaves_no_temporary_file(job: Recorded) -> None:
    """But for an empty folder, which PyTorch makes for its compiler where it is imported."""
    assert [path for path in job.temporary.rglob("*") if path.is_file()] == []


def test_a_student_opened_by_a_script_asks_nobody_and_writes_nothing(
    project: Path, job: Recorded, tmp_path: Path
) -> None:
    recorded = a_script(project, job, tmp_path)
    assert recorded.contacts() == []
    assert recorded.written_outside() == []


def test_an_engine_that_reports_home_would_be_seen(project: Path, job: Recorded, tmp_path: Path) -> None:
    """The control of the test above: ONNX Runtime allowed to do what it does by itself."""
    if reason := why_not():
        pytest.skip(reason)
    recorded = a_script(project, job, tmp_path, ORT_DISABLE_TELEMETRY="0")
    if not recorded.contacts() and not list(recorded.home.rglob("*")):
        pytest.skip("this ONNX Runtime reports nothing on this machine even where it is allowed to")
    assert any(event["host"].startswith("name asked for") for event in recorded.contacts())


def test_the_bundle_asks_nobody_and_writes_only_where_it_is_told(project: Path, job: Recorded, tmp_path: Path) -> None:
    assert job.done.returncode == 0
    bundle = max((project / "data" / "test" / "06_models" / "edge_bundle.zip").glob("*/edge_bundle.zip"))
    with ZipFile(bundle) as archive:
        archive.extractall(tmp_path)
    (script,) = tmp_path.rglob("predict.py")
    command = [sys.executable, str(script), str(project / "dataset" / "images"), "--out", str(tmp_path / "found")]
    recorded = recorded_run(command, tmp_path, tmp_path / "recorded", PYTHONPATH="")
    assert recorded.done.returncode == 0, recorded.done.stderr
    assert recorded.contacts() == []
    assert recorded.written_outside(tmp_path / "found") == []
