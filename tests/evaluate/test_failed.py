"""An artefact that cannot be measured costs its own row, not the run."""

from importlib.metadata import PackageNotFoundError

import pytest

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.evaluate.comparison import NothingMeasuredError
from gsam_edge.evaluate.failed import measured_or_why
from gsam_edge.evaluate.measure import MeasurementError, MeasurementRefusedError, ProcessEndedError
from gsam_edge.evaluate.report import diagnosed

TRUTH = Annotations((), (), ({"id": 1, "name": "bag"},))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ProcessEndedError("its process was ended by SIGSEGV"), "it failed: its process was ended by SIGSEGV"),
        (MeasurementRefusedError("expected a device,\ngot none"), "it failed: expected a device,\ngot none"),
        (
            MeasurementError("failed to predict:\nTraceback (most recent call last):\n  ...\nRuntimeError: odd"),
            "it failed: failed to predict: RuntimeError: odd",
        ),
    ],
)
def test_its_row_says_why_and_the_log_says_all(caplog, error, why):
    def measure():
        raise error

    row, predictions = measured_or_why("student_onnx", TRUTH, measure)
    assert row == {"artefact": "student_onnx", "status": "failed", "why": why}
    assert not predictions.objects
    assert str(error) in caplog.text


@pytest.mark.parametrize("error", [PackageNotFoundError("ncnn"), ModuleNotFoundError("ncnn", name="ncnn")])
def test_a_backend_that_is_not_installed_here_costs_its_row_and_its_install_line_is_said(caplog, error):
    """The artefact may have been exported on another machine."""

    def measure():
        raise error

    row, _ = measured_or_why("student_ncnn", TRUTH, measure, install='pip install "gsam_edge[ncnn]"')
    (record,) = caplog.records
    assert not record.markup, "the console would leave [ncnn] out"
    assert row["status"] == "failed"
    assert row["why"] == 'it failed: the package ncnn is not installed; pip install "gsam_edge[ncnn]"'


def test_a_module_of_ours_that_is_missing_is_a_defect():
    def measure():
        raise ModuleNotFoundError("gsam_edge.nowhere", name="gsam_edge.nowhere")

    with pytest.raises(ModuleNotFoundError):
        measured_or_why("student_ncnn", TRUTH, measure)


def test_what_is_wrong_with_the_data_ends_the_run():
    def measure():
        raise InvalidDatasetError("another split")

    with pytest.raises(InvalidDatasetError):
        measured_or_why("student_onnx", TRUTH, measure)


def test_what_was_measured_is_handed_on():
    assert measured_or_why("student", TRUTH, lambda: ("row", "predictions")) == ("row", "predictions")


def test_where_the_student_fails_an_export_is_diagnosed_in_its_place():
    parts = {name: {"confusion": name} for name in ("teacher", "student", "student_onnx")}
    parts["prompted"] = {"figures": {}}
    assert diagnosed({"artefacts": parts}, "student")["confusion"] == "student"
    del parts["student"]
    assert diagnosed({"artefacts": parts}, "student")["confusion"] == "student_onnx"
    del parts["student_onnx"]
    assert diagnosed({"artefacts": parts}, "student")["confusion"] == "teacher"
    with pytest.raises(NothingMeasuredError, match="expected at least one artefact that can be measured"):
        diagnosed({"artefacts": {"prompted": parts["prompted"]}}, "student")
