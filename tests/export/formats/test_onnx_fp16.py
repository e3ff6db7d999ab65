import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto

from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx, with_outputs
from gsam_edge.export.formats.onnx_fp16 import HalfConfig, OnnxFp16, to_half
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.ultralytics.edge.head import EdgeHead


@pytest.fixture(scope="module")
def half(edge_onnx):
    return OnnxFp16().build(edge_onnx, None, HalfConfig())


def test_weights_are_halved_and_what_goes_in_and_out_keeps_its_type(edge_onnx, half):
    before, after = (onnx.load_from_string(content).graph for content in (edge_onnx, half))
    assert len(half) < 0.6 * len(edge_onnx)
    assert sum(weight.data_type == TensorProto.FLOAT16 for weight in after.initializer) > 50
    # the factors of a Resize are float32 by definition
    assert all(list(w.dims) == [4] for w in after.initializer if w.data_type == TensorProto.FLOAT)
    assert list(after.input) == list(before.input)
    assert list(after.output) == list(before.output)  # the number of images is open, and has no name
    assert OnnxFp16().read_card(half) == OnnxFp16().read_card(edge_onnx)
    assert OnnxFp16().inputs(half) == OnnxFp16().inputs(edge_onnx)
    assert to_half(edge_onnx) == half


def test_it_finds_the_same_objects(blob_onnx, canvases):
    exact, rounded = (open_engine(content, ".onnx", threads=1) for content in (blob_onnx, to_half(blob_onnx)))
    for canvas in canvases[:3]:
        expected, found = exact.run(canvas), rounded.run(canvas)
        assert (expected["scores"] > 0.25).sum() > 1
        np.testing.assert_allclose(found["scores"], expected["scores"], atol=0.01)


def test_a_network_answers_as_in_single_precision(edge_onnx, half, canvases):
    """Before suppression: scores that differ by less than half precision can tell change what is suppressed."""
    stage = [f"raw.{place}" for place in range(4)]  # boxes, classes, coefficients, prototypes
    exact, rounded = (
        onnxruntime.InferenceSession(with_outputs(content, stage), providers=["CPUExecutionProvider"])
        for content in (edge_onnx, half)
    )
    for canvas in canvases[:3]:
        pairs = zip(*(session.run(stage, {"images": canvas}) for session in (exact, rounded)), strict=True)
        for expected, found in pairs:
            assert found.dtype == np.float16
            np.testing.assert_allclose(found, expected, atol=0.01 * float(np.abs(expected).max()))


class Said(torch.nn.Module):
    """A head behind outputs that do not depend on the image."""

    def __init__(self, head, *raw):
        super().__init__()
        self.head, self.raw = head, torch.nn.ParameterList(raw)

    def forward(self, images):
        return self.head(*(said + 0 * images.amax() for said in self.raw))


def test_large_boxes_are_suppressed_in_the_file(tmp_path):
    """Boxes of 400 pixels: their areas in square pixels, 160,000, are infinite in half precision."""
    config = EdgeConfig(max_detections=20, candidates=100, iou_threshold=0.6, nms_iterations=10, score_floor=0.001)
    sides = torch.full((1, 4, 1600), 400 / 64)
    logits = torch.full((1, 1, 1600), -20.0)
    for score, anchor in ((3.0, 12 * 40 + 12), (2.0, 12 * 40 + 13), (1.0, 33 * 40 + 33)):
        logits[..., anchor] = score
    module = Said(EdgeHead(1280, [32.0], 1, config, suppressed=True), sides, logits)
    torch.onnx.export(
        module,
        (torch.zeros(1, 3, 1280, 1280),),
        tmp_path / "head.onnx",
        input_names=["images"],
        opset_version=17,
        dynamo=False,
    )
    content = to_half((tmp_path / "head.onnx").read_bytes())
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    boxes, scores, _ = session.run(None, {"images": np.zeros((1, 3, 1280, 1280), np.float32)})
    assert int((scores > 0.5).sum()) == 2
    np.testing.assert_allclose(boxes[0, :2], [[200, 200, 600, 600], [872, 872, 1272, 1272]], atol=1)


def test_a_student_of_any_operator_set_is_converted(blob_student):
    for opset in (13, 20):
        open_engine(to_half(to_onnx(blob_student, OnnxConfig(opset=opset))), ".onnx", threads=1)
