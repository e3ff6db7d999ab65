"""What the gate ships, and why it refuses the rest; the run goes on with what is left."""

import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate import bench, gate
from gsam_edge.evaluate.config import EvaluationConfig, GateConfig
from gsam_edge.evaluate.gate import gate_artefacts
from gsam_edge.evaluate.in_turns import latency_in_turns
from gsam_edge.evaluate.measure import MeasurementError, MeasurementRefusedError, ProcessEndedError, ProcessKilledError
from gsam_edge.export.evidence import RejectedArtefactError, require_accepted
from gsam_edge.export.format import NotBuilt, StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.parity import ParityConfig
from gsam_edge.export.quantization.static import QuantizationConfig, quantize_static
from gsam_edge.export.table import FORMATS
from gsam_edge.runtime import Detector
from gsam_edge.vision.errors import UserError
from support.blobs import CARD, CLASS_NAMES, SIZE, BlobStudent, blob_canvas

PARITY = ParityConfig(
    images=3, score_threshold=0.1, match_iou=0.5, box_tolerance=0.1, score_tolerance=1e-5, mask_tolerance=1e-5,
    stage_tolerance=1e-4, agreement=0.99,
    half={"box_tolerance": 0.5, "score_tolerance": 0.01, "mask_tolerance": 0.05, "stage_tolerance": 0.05},
)  # fmt: skip
EVALUATION = EvaluationConfig(
    warmup_calls=0, timed_calls=2, timed_seconds=9, least_timed_calls=1, threads=1,
    timeout_s=60, score_threshold=0.001, timed_score_threshold=0.1,
    match_box_iou=0.5, image_score_threshold=0.3, image_rows=1, image_width=32,
)  # fmt: skip
CONFIG = GateConfig(most_drop=0.5, least_speedup=1.0)


@pytest.fixture(scope="module")
def student():
    return StudentModule(BlobStudent().eval(), CARD)


@pytest.fixture(scope="module")
def model(student):
    return to_onnx(student, OnnxConfig(opset=17))


@pytest.fixture(scope="module")
def canvases():
    """Two bright cells on dark noise each: less than a hundredth of the cells."""
    places = np.random.default_rng(1).integers(2, 14, (10, 2, 2)).tolist()
    return [blob_canvas((0, *red), (1, *green)) for red, green in places]


@pytest.fixture(scope="module")
def images(canvases):
    return {f"{n}.png": (canvas[0].transpose(1, 2, 0) * 255).astype(np.uint8) for n, canvas in enumerate(canvases)}


@pytest.fixture(scope="module")
def truth(model, images):
    """What single precision finds is true, so that its mAP is 1."""
    detect = Detector.open(model, ".onnx", score_threshold=0.1, threads=1)
    records = []
    for image_id, image in enumerate(images.values()):
        packed = PackedDetections.pack(detect(image))
        for box, class_id, rle in zip(packed.unmasked.xyxy, packed.unmasked.class_ids, packed.rles, strict=True):
            x, y, right, bottom = (float(edge) for edge in box)
            record = {"id": len(records), "image_id": image_id, "category_id": int(class_id), "iscrowd": 0}
            mask = {"size": list(rle["size"]), "counts": rle["counts"].decode()}
            records.append(record | {"bbox": [x, y, right - x, bottom - y], "area": 256.0, "segmentation": mask})
    content = {
        "images": [{"id": n, "file_name": name, "width": SIZE, "height": SIZE} for n, name in enumerate(images)],
        "annotations": records,
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASS_NAMES)],
    }
    return Annotations.from_coco(content)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Predictions are made in this process, and each artefact takes as long as said here: [reference, other] in ms."""
    times = [2.0, 1.0]

    def predict_all(factory, images, *, threads, timeout_s):
        try:
            detect = factory()
            return [PackedDetections.pack(detect(image)) for image in images]
        except UserError as error:
            raise MeasurementRefusedError(str(error)) from error
        except ValueError as error:
            raise MeasurementError(f"it failed to predict:\nTraceback\nValueError: {error}") from error

    def in_turns(factories, images, *, warmup, repeats, threads, timeout_s):
        return np.array([times[: len(factories)]] * repeats)

    monkeypatch.setattr(bench, "predict_all", predict_all)
    monkeypatch.setattr(bench, "times_in_turns", in_turns)
    return times


def int8(model, canvases, **options):
    config = QuantizationConfig.model_validate(INT8_PARAMETERS | options)
    return quantize_static(model, canvases, config)


INT8_PARAMETERS = {
    "calibration_images": 10, "method": "minmax", "percentile": 99.0, "per_channel": True, "reduce_range": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(model, canvases):
    return int8(model, canvases)


def gated(student, candidates, truth, images, **changes):
    parity = PARITY.model_copy(update=changes)
    rows, shipped = gate_artefacts(student, candidates, truth, images, parity, CONFIG, EVALUATION)
    json.dumps(rows, allow_nan=False)  # a report is JSON
    assert set(shipped) == set(candidates)
    return {row["artefact"]: row for row in rows}, shipped


def test_a_ruined_int8_is_refused_with_both_figures_and_the_rest_is_shipped(student, model, truth, images, canvases):
    """Percentile 99.0 over ten images, which the parameters allow, clips what makes the objects stand out."""
    ruined = int8(model, canvases, method="percentile")
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": ruined}, truth, images)
    verdict = rows["student_onnx_int8"]["verdict"]
    assert verdict.startswith("refused: ")
    for kind in ("box", "mask"):
        figures = f"{kind} mAP50-95 0.000 against 1.000 of student_onnx, 100.0 points lower"
        assert f"{figures}, expected at most 0.5 (gate.most_drop)" in verdict
    assert shipped == {"onnx": model, "onnx_int8": NotBuilt(verdict)}
    accuracy = rows["student_onnx_int8"]["accuracy"]
    low, high = accuracy["box_drop_ci95"]
    assert low == high == accuracy["box_drop"] == pytest.approx(100)
    require_accepted(list(rows.values()))


def test_a_sound_int8_is_shipped_with_its_figures(student, model, truth, images, sound):
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": sound}, truth, images)
    assert shipped == {"onnx": model, "onnx_int8": sound}
    assert rows["student_onnx"]["verdict"] == "accepted: prompt-free, its outputs equal PyTorch's within the tolerances"
    assert rows["student_onnx"]["latency"] == {"ms": 2.0, "calls": 2, "threads": 1}
    row = rows["student_onnx_int8"]
    assert row["verdict"].startswith("accepted: prompt-free, box mAP50-95 ")
    assert row["verdict"].endswith("points, 2.00 times as fast as student_onnx")
    assert row["latency"] == {"ms": 1.0, "fp32_ms": 2.0, "ratio": 2.0, "calls": 2, "threads": 1}
    counted = {"images": 10, "objects": len(truth.objects), "found": rows["student_onnx"]["accuracy"]["found"]}
    assert row["accuracy"].items() >= counted.items()
    assert {"box_map50_95", "box_drop", "mask_map50_95", "mask_drop"} <= set(row["accuracy"])


def test_what_is_for_this_processor_and_not_faster_is_refused_with_both_times(
    student, model, truth, images, sound, clock, monkeypatch
):
    clock[:] = [2.0, 2.5]
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": sound}, truth, images)
    assert rows["student_onnx_int8"]["verdict"] == (
        "refused: 2.5 ms against 2.0 ms of student_onnx in turns, 0.80 times as fast, expected more than 1 "
        "(gate.least_speedup)"
    )
    assert isinstance(shipped["onnx_int8"], NotBuilt)
    monkeypatch.setattr(type(FORMATS["onnx_int8"]), "must_be_faster", False)
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": sound}, truth, images)
    assert rows["student_onnx_int8"]["verdict"].endswith("0.80 times as fast as student_onnx")
    assert shipped["onnx_int8"] == sound


def test_what_detects_nothing_is_refused(student, model, truth, images, sound):
    """Its convolutions all zero, with the sizes and the calibration of a sound one."""
    dead = onnx.load_from_string(sound)
    for tensor in dead.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.int8 and values.ndim == 4:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros_like(values), tensor.name))
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": dead.SerializeToString()}, truth, images)
    row = rows["student_onnx_int8"]
    assert row["verdict"].startswith("refused: it finds nothing: no object in the validation images scores 0.1 or more")
    assert (row["parity"]["found_by_both"], row["accuracy"]["found"]) == (0, 0)
    assert isinstance(shipped["onnx_int8"], NotBuilt)
    assert shipped["onnx"] == model


def test_where_nothing_is_found_there_is_nothing_to_compare_with(student, model, truth, images, sound):
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": sound}, truth, images, score_threshold=1.0)
    assert rows["student_onnx"]["verdict"] == (
        "refused: nothing to compare: neither it nor PyTorch finds an object in 3 images"
    )
    assert rows["student_onnx_int8"]["verdict"].startswith("refused: not measured, since student_onnx, which it is")
    assert all(isinstance(content, NotBuilt) for content in shipped.values())
    require_accepted(list(rows.values()))


def test_a_prompt_is_in_the_report_before_the_run_ends(student, model, truth, images):
    asking = onnx.load_from_string(model)
    asking.graph.input.append(onnx.helper.make_tensor_value_info("prompt", onnx.TensorProto.FLOAT, [1]))
    candidates = {"onnx": model, "onnx_int8": asking.SerializeToString()}
    rows, shipped = gated(student, candidates, truth, images)
    assert rows["student_onnx_int8"]["prompt_free"] is False
    assert shipped["onnx"] == model
    assert isinstance(shipped["onnx_int8"], NotBuilt)
    with pytest.raises(RejectedArtefactError, match=r"student_onnx_int8 rejected: .*\['images', 'prompt'\]"):
        require_accepted(list(rows.values()))

    class Prompted(nn.Module):
        def forward(self, images, boxes):
            return images, boxes

    rows, shipped = gated(StudentModule(Prompted(), CARD), candidates, truth, images)
    assert all(isinstance(content, NotBuilt) for content in shipped.values())
    with pytest.raises(
        RejectedArtefactError, match=r"student rejected: the PyTorch student is not .*\(images, boxes\)"
    ):
        require_accepted(list(rows.values()))


def test_single_precision_that_differs_ends_the_run_after_the_report(student, truth, images):
    torch.manual_seed(1)
    other = BlobStudent().eval()
    nn.init.constant_(other.logits.bias, -4)
    rows, shipped = gated(student, {"onnx": to_onnx(StudentModule(other, CARD), OnnxConfig(opset=17))}, truth, images)
    assert isinstance(shipped["onnx"], NotBuilt)
    with pytest.raises(RejectedArtefactError, match="student_onnx rejected: its outputs differ"):
        require_accepted(list(rows.values()))


@pytest.mark.parametrize(
    ("why", "verdict"),
    [
        ("not asked for: formats", "not built: not asked for: formats"),
        ("not built here: no GPU", "not built here: no GPU"),
    ],
)
def test_what_was_not_built_has_its_row_and_its_reason(student, model, truth, images, why, verdict):
    absent = NotBuilt(why)
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": absent}, truth, images)
    assert rows["student_onnx_int8"] == {"artefact": "student_onnx_int8", "verdict": verdict}
    assert shipped["onnx_int8"] == absent


def test_validation_images_without_objects_decide_nothing(student, model, truth, images):
    bare = Annotations(truth.images, (), truth.categories)
    with pytest.raises(InvalidDatasetError, match="validation split: expected at least one object in 10 images"):
        gated(student, {"onnx": model}, bare, images)


@pytest.mark.parametrize(
    "ends", [ProcessEndedError("its process was ended by SIGSEGV"), ProcessKilledError("it was killed by SIGKILL")]
)
def test_a_backend_that_takes_its_process_down_is_refused_and_never_runs_in_this_process(
    student, model, truth, images, sound, monkeypatch, ends
):
    in_process, sees = bench.predict_all, []

    def predict_all(factory, images, *, threads, timeout_s):
        if factory.args[0] == sound:
            raise ends
        return in_process(factory, images, threads=threads, timeout_s=timeout_s)

    def collect_evidence(student, artefacts, *others):
        sees.extend(artefacts)
        return collected(student, artefacts, *others)

    collected = gate.collect_evidence
    monkeypatch.setattr(bench, "predict_all", predict_all)
    monkeypatch.setattr(gate, "collect_evidence", collect_evidence)
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": sound}, truth, images)
    assert rows["student_onnx"]["verdict"].startswith("accepted")
    assert rows["student_onnx_int8"]["verdict"] == f"refused: {ends}"
    assert shipped == {"onnx": model, "onnx_int8": NotBuilt(f"refused: {ends}")}
    assert sees == ["student_onnx"]
    require_accepted(list(rows.values()))


def test_a_backend_that_crashes_while_it_is_timed_is_refused_with_the_end_of_its_traceback(
    student, model, truth, images, sound, monkeypatch, caplog
):
    in_turns = bench.times_in_turns

    def crashing(factories, images, **options):
        if len(factories) == 2:
            raise MeasurementError(
                "it failed to predict:\nTraceback (most recent call last):\n  ...\nRuntimeError: odd"
            )
        return in_turns(factories, images, **options)

    monkeypatch.setattr(bench, "times_in_turns", crashing)
    rows, shipped = gated(student, {"onnx": model, "onnx_int8": sound}, truth, images)
    assert rows["student_onnx_int8"]["verdict"] == "refused: it failed to predict: RuntimeError: odd"
    assert "most recent call last" in caplog.text
    assert shipped["onnx"] == model


def test_answers_that_are_no_numbers_are_refused_in_a_report_that_is_json(student, model, truth, images):
    """Half precision overflows so, and JSON has neither NaN nor infinity."""
    numbers = {"boxes": np.inf, "masks": np.nan}
    for name, number in numbers.items():
        broken = onnx.load_from_string(model)
        for node in broken.graph.node:
            node.output[:] = [f"right_{name}" if output == name else output for output in node.output]
            node.input[:] = [f"right_{name}" if value == name else value for value in node.input]
        constant = onnx.numpy_helper.from_array(np.array(number, np.float32), "odd")
        broken.graph.initializer.append(constant)
        broken.graph.node.append(onnx.helper.make_node("Add", [f"right_{name}", "odd"], [name]))
        content = broken.SerializeToString()
        candidates = {"onnx": model, "onnx_fp16": content, "onnx_int8": content}
        rows, shipped = gated(student, candidates, truth, images)
        assert shipped["onnx"] == model
        assert rows["student_onnx_fp16"]["verdict"].startswith("refused: its outputs differ"), name
        assert isinstance(shipped["onnx_int8"], NotBuilt), name
        assert rows["student_onnx_int8"]["verdict"].startswith("refused: "), name


def test_two_students_are_timed_in_turns_and_one_that_is_not_there_is_told(model, truth, images):
    timed = latency_in_turns(model, model, truth, images, EVALUATION)
    assert (timed["calls"], timed["threads"]) == (2, 1)
    assert min(timed["student_ms"], timed["smaller_ms"], timed["ratio"]) > 0
    assert latency_in_turns(model, NotBuilt("no room"), truth, images, EVALUATION) == {"why": "no room"}
