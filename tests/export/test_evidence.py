import json

import numpy as np
import onnx
import pytest

from gsam_edge.export.evidence import RejectedArtefactError, collect_evidence, require_accepted
from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.parity import Parity, ParityConfig
from gsam_edge.export.prompt_free import check_prompt_free
from gsam_edge.export.quantization.static import quantize_static
from gsam_edge.export.report import ArtefactEvidence
from gsam_edge.export.table import FORMATS
from gsam_edge.runtime.engines.onnxruntime import OnnxRuntimeEngine
from support.blobs import BlobStudent

ONNX, INT8 = FORMATS["onnx"], FORMATS["onnx_int8"]
CONFIG = ParityConfig(
    images=3,
    score_threshold=0.25,
    match_iou=0.5,
    box_tolerance=0.1,
    score_tolerance=1e-5,
    mask_tolerance=1e-5,
    stage_tolerance=1e-4,
    agreement=0.99,
    half={"box_tolerance": 0.5, "score_tolerance": 0.01, "mask_tolerance": 0.05, "stage_tolerance": 0.05},
)


@pytest.fixture
def images(canvases):
    return {f"{n}.png": (canvas[0].transpose(1, 2, 0) * 255).astype(np.uint8) for n, canvas in enumerate(canvases)}


def test_each_artefact_is_compared_with_pytorch(blob_student, blob_onnx, canvases, images, int8_config):
    artefacts = {
        "student_onnx": (ONNX, blob_onnx),
        "student_onnx_int8": (INT8, quantize_static(blob_onnx, canvases, int8_config)),
    }
    collected = collect_evidence(blob_student, artefacts, images, sorted(images), CONFIG)
    assert [evidence.artefact for evidence in collected] == ["student_onnx", "student_onnx_int8"]
    assert [evidence.objection for evidence in collected] == [None, None]
    for evidence, (_, content) in zip(collected, artefacts.values(), strict=True):
        row = evidence.to_row()
        assert row["prompt_free"] is True
        assert row["parity"]["images"] == 3
        assert ("stages" in row) == (evidence.precision == "single")
        assert row["size_mb"] == pytest.approx(len(content) / 1e6)


def test_another_student_under_the_same_name_is_rejected(blob_student, card, images):
    class Louder(BlobStudent):
        def forward(self, images):
            boxes, scores, class_ids, masks = super().forward(images)
            return boxes + 1, scores, class_ids, masks

    model = to_onnx(StudentModule(Louder(), card), OnnxConfig(opset=17))
    (found,) = collect_evidence(blob_student, {"student_onnx": (ONNX, model)}, images, sorted(images), CONFIG)
    assert found.objection is not None
    assert found.objection.startswith("rejected: its outputs differ from PyTorch's by more than the tolerances: of ")
    with pytest.raises(RejectedArtefactError, match=r"student_onnx rejected: its outputs .*'box_difference': 1\.0"):
        require_accepted([found.to_row() | {"verdict": found.objection}])


def test_the_verdict_names_the_stage_where_an_artefact_and_pytorch_part(blob_student, blob_onnx, images):
    """Its masks alone are wrong: squares of probabilities."""
    model = onnx.load_from_string(blob_onnx)
    for node in model.graph.node:
        node.output[:] = ["right_masks" if name == "masks" else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Mul", ["right_masks", "right_masks"], ["masks"]))
    wrong = {"student_onnx": (ONNX, model.SerializeToString())}
    (found,) = collect_evidence(blob_student, wrong, images, sorted(images), CONFIG)
    assert found.objection is not None
    assert found.objection.endswith("; the first stage that differs is masks")
    assert found.to_row()["stages"]["first_divergence"] == "masks"


def test_what_needs_a_prompt_is_rejected_and_compared_with_nothing(blob_student, blob_onnx, prompted_onnx, images):
    artefacts = {"student_onnx": (ONNX, blob_onnx), "student_litert": (ONNX, prompted_onnx)}
    sound, prompted = collect_evidence(blob_student, artefacts, images, sorted(images), CONFIG)
    assert sound.objection is None
    assert prompted.objection == "rejected: expected exactly one input, 'images', got ['images', 'prompt']"
    row = prompted.to_row()
    assert row["prompt_free"] is False
    assert "parity" not in row
    with pytest.raises(RejectedArtefactError, match=r"student_litert rejected: .*\['images', 'prompt'\]$"):
        require_accepted([row | {"verdict": prompted.objection}])


def test_other_outputs_are_rejected(blob_student, blob_onnx, images):
    model = onnx.load_from_string(blob_onnx)
    for node in model.graph.node:
        node.output[:] = ["confidences" if name == "scores" else name for name in node.output]
        node.input[:] = ["confidences" if name == "scores" else name for name in node.input]
    next(value for value in model.graph.output if value.name == "scores").name = "confidences"
    renamed = {"student_onnx": (ONNX, model.SerializeToString()), "student_int8": (INT8, model.SerializeToString())}
    exact, rounded = collect_evidence(blob_student, renamed, images, sorted(images), CONFIG)
    assert exact.objection is not None
    assert exact.objection.startswith("rejected: artefact: expected the outputs ")
    assert rounded.objection == exact.objection.replace("rejected", "refused")


def test_an_engine_whose_package_is_absent_is_said_with_the_line_that_installs_it(
    blob_student, blob_onnx, images, monkeypatch
):
    def absent(name):
        def open_engine(content, suffix, *, threads):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        monkeypatch.setattr("gsam_edge.export.evidence.open_engine", open_engine)
        artefacts = {"student_onnx": (ONNX, blob_onnx), "student_onnx_int8": (INT8, blob_onnx)}
        return collect_evidence(blob_student, artefacts, images, sorted(images), CONFIG)

    for found, made_as in zip(absent("abacus"), (ONNX, INT8), strict=True):
        assert found.objection == f"refused: not run: the package abacus is not installed; {made_as.install}"
    with pytest.raises(ModuleNotFoundError, match=r"gsam_edge\.beads"):
        absent("gsam_edge.beads")


def test_a_file_that_is_none_of_its_format_is_said_like_any_other_fault(blob_student, images):
    broken = {"student_onnx": (ONNX, b"no such file"), "student_onnx_int8": (INT8, b"no such file")}
    exact, rounded = collect_evidence(blob_student, broken, images, sorted(images), CONFIG)
    assert exact.objection is not None
    assert exact.objection.startswith("rejected: ")
    assert rounded.objection == exact.objection.replace("rejected", "refused")
    assert set(exact.to_row()) == {"artefact", "size_mb", "oldest_runtime"}


def test_a_backend_that_fails_to_run_what_it_opened_is_refused(blob_student, blob_onnx, images, monkeypatch, caplog):
    def run(self, batch):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(OnnxRuntimeEngine, "run", run)
    (found,) = collect_evidence(blob_student, {"student_onnx": (ONNX, blob_onnx)}, images, sorted(images), CONFIG)
    assert found.objection == "refused: it fails to run: RuntimeError: no such kernel"
    assert "Traceback" in caplog.text


def test_an_artefact_that_lost_its_masks_is_no_artefact_of_its_student(blob_student, blob_onnx, images):
    model = onnx.load_from_string(blob_onnx)
    model.graph.output.remove(next(value for value in model.graph.output if value.name == "masks"))
    bare = {"student_onnx_int8": (INT8, model.SerializeToString())}
    (found,) = collect_evidence(blob_student, bare, images, sorted(images), CONFIG)
    assert found.objection is not None
    assert found.objection.startswith("refused: expected the student's outputs {'boxes': (1, ")


def test_no_pictures_is_an_error(blob_student, blob_onnx):
    with pytest.raises(ValueError, match="expected images to compare on, got none"):
        collect_evidence(blob_student, {"student_onnx": (ONNX, blob_onnx)}, {}, [], CONFIG)


@pytest.mark.parametrize(
    ("objects", "close", "precision", "objection"),
    [
        (9, True, "single", None),
        (9, False, "single", "rejected: its outputs differ from PyTorch"),
        (9, True, "half", None),
        (9, False, "half", "refused: its outputs differ from PyTorch"),
        (9, False, "integer", None),
        (0, False, "integer", None),
        (0, False, "single", "refused: nothing to compare"),
        (0, False, "half", "refused: nothing to compare"),
    ],
)
def test_the_precision_decides_what_parity_must_show(objects, close, precision, objection, blob_onnx):
    found = Parity(4, objects, objects, 0, 0.01, 0.001, None, within_tolerance=close)
    check = check_prompt_free(ONNX.inputs(blob_onnx), ONNX.read_card(blob_onnx))
    evidence = ArtefactEvidence(
        "student_onnx", 1, precision, check, found, None, None, "onnxruntime 1.15.1", ("did this",), None
    )
    assert (evidence.objection or "accepted").startswith(objection or "accepted")
    row = json.loads(json.dumps(evidence.to_row()))
    assert set(row) == {"artefact", "size_mb", "prompt_free", "parity", "oldest_runtime", "notes"}
    assert (row["oldest_runtime"], row["notes"]) == ("onnxruntime 1.15.1", ["did this"])
    assert "mask_difference" not in row["parity"]
