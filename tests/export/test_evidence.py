import numpy as np
import onnx
import pytest
from torch import nn

from gsam_edge.export.evidence import RejectedArtefactError, collect_evidence, require_accepted
from gsam_edge.export.format import NotBuilt, StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.formats.onnx_int8 import quantize_static
from gsam_edge.export.parity import Parity, ParityConfig
from gsam_edge.export.prompt_free import check_prompt_free
from gsam_edge.export.report import ArtefactEvidence, report_row
from gsam_edge.export.table import FORMATS

ONNX, INT8 = FORMATS["onnx"], FORMATS["onnx_int8"]
CONFIG = ParityConfig(
    images=3,
    score_threshold=0.25,
    match_iou=0.5,
    box_tolerance=0.1,
    score_tolerance=1e-5,
    mask_tolerance=1e-5,
    agreement=0.99,
    half={"box_tolerance": 0.5, "score_tolerance": 0.01, "mask_tolerance": 0.05},
)


@pytest.fixture
def images(canvases):
    return {f"{n}.png": (canvas[0].transpose(1, 2, 0) * 255).astype(np.uint8) for n, canvas in enumerate(canvases)}


def test_each_artefact_gets_its_row(blob_student, blob_onnx, canvases, images, int8_config):
    artefacts = {
        "student_onnx": (ONNX, blob_onnx),
        "student_onnx_int8": (INT8, quantize_static(blob_onnx, canvases, int8_config)),
    }
    rows = collect_evidence(blob_student, artefacts, images, sorted(images), CONFIG)
    require_accepted(rows)
    assert [row["artefact"] for row in rows] == ["student_onnx", "student_onnx_int8"]
    assert [row["verdict"].split(":")[0] for row in rows] == ["accepted", "to be measured"]
    assert all(row["prompt_free"] and row["parity"]["images"] == 3 for row in rows)


def test_another_student_under_the_same_name_is_rejected(blob_student, card, images):
    class Louder(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = blob_student.module

        def forward(self, images):
            boxes, scores, class_ids, masks = self.student(images)
            return boxes + 1, scores, class_ids, masks

    model = to_onnx(StudentModule(Louder(), card), OnnxConfig(opset=17))
    rows = collect_evidence(blob_student, {"student_onnx": (ONNX, model)}, images, sorted(images), CONFIG)
    with pytest.raises(RejectedArtefactError, match=r"student_onnx rejected: its outputs .*'box_difference': 1\.0"):
        require_accepted(rows)


def test_what_needs_a_prompt_is_rejected(blob_student, blob_onnx, prompted_onnx, images, card):
    artefacts = {"student_onnx": (ONNX, blob_onnx), "student_litert": (ONNX, prompted_onnx)}
    with pytest.raises(RejectedArtefactError, match=r"student_litert is not prompt-free: .*\['images', 'prompt'\]"):
        collect_evidence(blob_student, artefacts, images, sorted(images), CONFIG)

    class Prompted(nn.Module):
        def forward(self, images, boxes):
            return images, boxes

    with pytest.raises(RejectedArtefactError, match=r"the PyTorch student is not prompt-free: .*\(images, boxes\)"):
        collect_evidence(StudentModule(Prompted(), card), artefacts, images, sorted(images), CONFIG)


def test_other_outputs_are_rejected_by_the_artefacts_name(blob_student, blob_onnx, images):
    model = onnx.load_from_string(blob_onnx)
    for node in model.graph.node:
        node.output[:] = ["confidences" if name == "scores" else name for name in node.output]
        node.input[:] = ["confidences" if name == "scores" else name for name in node.input]
    model.graph.output[1].name = "confidences"
    renamed = {"student_onnx": (ONNX, model.SerializeToString())}
    with pytest.raises(RejectedArtefactError, match=r"student_onnx: artefact: expected the outputs .*'confidences'"):
        collect_evidence(blob_student, renamed, images, sorted(images), CONFIG)


def test_what_this_machine_could_not_make_has_a_row_that_says_so(blob_student, blob_onnx, images):
    artefacts = {"student_onnx": (ONNX, blob_onnx), "student_onnx_int8": (INT8, NotBuilt("no calibrator"))}
    exact, absent = collect_evidence(blob_student, artefacts, images, sorted(images), CONFIG)
    assert exact["prompt_free"]
    assert absent == {"artefact": "student_onnx_int8", "verdict": "not built: no calibrator"}
    require_accepted([exact, absent])


def test_no_pictures_is_an_error(blob_student, blob_onnx):
    with pytest.raises(ValueError, match="expected images to compare on, got none"):
        collect_evidence(blob_student, {"student_onnx": (ONNX, blob_onnx)}, {}, [], CONFIG)


@pytest.mark.parametrize(
    ("matched", "unmatched", "close", "precision", "verdict"),
    [
        (9, 0, True, "single", "accepted"),
        (9, 0, False, "single", "rejected: its outputs differ from PyTorch"),
        (9, 0, False, "half", "rejected: its outputs differ from PyTorch"),
        (9, 0, False, "integer", "to be measured"),
        (8, 9, False, "integer", "to be measured"),
        (0, 0, True, "single", "unproven"),
    ],
)
def test_the_report_has_the_keys_that_others_rely_on(matched, unmatched, close, precision, verdict, blob_onnx):
    found = Parity(4, matched, unmatched, 1.0, 0.01, 0.001, None, within_tolerance=close)
    check = check_prompt_free(ONNX.inputs(blob_onnx))
    evidence = ArtefactEvidence("student_onnx", len(blob_onnx), check, found, precision)
    row = report_row(evidence)
    assert set(row) == {"artefact", "size_mb", "prompt_free", "parity", "verdict"}
    assert row["size_mb"] == pytest.approx(len(blob_onnx) / 1e6)
    assert row["prompt_free"] is True
    assert row["verdict"].startswith(verdict)
    assert "mask_difference" not in row["parity"]


def test_the_report_rejects_what_needs_a_prompt(prompted_onnx):
    check = check_prompt_free(ONNX.inputs(prompted_onnx))
    found = Parity(4, 9, 0, 1.0, 0.01, 0.001, None, within_tolerance=True)
    row = report_row(ArtefactEvidence("student_onnx", 1, check, found, "single"))
    assert row["prompt_free"] is False
    assert row["verdict"].startswith("rejected: expected exactly one input")
