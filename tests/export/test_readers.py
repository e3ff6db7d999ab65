"""What others make of our ONNX files: ONNX Runtime without our engine, Ultralytics' YOLO(), Netron."""

import importlib
import urllib.request

import numpy as np
import onnx
import onnxruntime
import pytest
from torch import nn

from gsam_edge.export.format import NotBuilt, StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.formats.onnx_ultralytics import OnnxUltralytics, UltralyticsConfig
from gsam_edge.export.quantization.static import quantize_static
from gsam_edge.runtime import Card, Detector

THRESHOLD = 0.25


@pytest.fixture
def image(canvases):
    """One RGB image of the network's own size, so that no resize rounds."""
    return (canvases[0][0].transpose(1, 2, 0) * 255).astype(np.uint8)


def read_by_ultralytics(content, image, folder):
    importlib.import_module("gsam_edge.students.ultralytics.imports")  # sets Ultralytics up, before its first import
    from ultralytics import YOLO

    path = folder / "student.onnx"
    path.write_bytes(content)
    (result,) = YOLO(path).predict(image[..., ::-1], conf=THRESHOLD, verbose=False)
    return result


def assert_the_same_objects(result, ours, card):
    assert len(ours) > 0
    assert result.names == dict(enumerate(card.class_names))
    np.testing.assert_allclose(result.boxes.xyxy.numpy(), ours.xyxy, atol=1e-3)
    np.testing.assert_allclose(result.boxes.conf.numpy(), ours.scores, atol=1e-6)
    assert result.boxes.cls.int().tolist() == ours.class_ids.tolist()


def ours_of(content, image):
    return Detector.open(content, ".onnx", score_threshold=THRESHOLD, threads=1)(image)


def test_yolo_finds_what_our_engine_finds(blob_onnx, image, card, tmp_path):
    assert_the_same_objects(read_by_ultralytics(blob_onnx, image, tmp_path), ours_of(blob_onnx, image), card)


def test_yolo_reads_the_quantised_file_likewise(blob_onnx, canvases, int8_config, image, card, tmp_path):
    content = quantize_static(blob_onnx, canvases, int8_config)
    assert_the_same_objects(read_by_ultralytics(content, image, tmp_path), ours_of(content, image), card)


def test_yolo_draws_the_masks_that_our_engine_draws(blob_onnx, image, card, tmp_path):
    content = OnnxUltralytics().build(blob_onnx, None, UltralyticsConfig())
    ours = ours_of(content, image)
    result = read_by_ultralytics(content, image, tmp_path)
    assert_the_same_objects(result, ours, card)
    theirs = result.masks.data.numpy() > 0
    assert theirs.shape == ours.masks.shape
    assert ours.masks.any(axis=(1, 2)).all()
    for mine, other, (left, top, right, bottom) in zip(ours.masks, theirs, ours.xyxy.astype(int), strict=True):
        inside = slice(max(top, 0) + 1, bottom - 1), slice(max(left, 0) + 1, right - 1)
        assert (mine[inside] != other[inside]).mean() < 0.01  # each has its own rounding at the box's edge


def test_a_student_without_masks_needs_no_file_of_its_own_for_them(blob_student, card):
    class BoxesOnly(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = blob_student.module

        def forward(self, images):
            return self.student(images)[:3]

    content = to_onnx(StudentModule(BoxesOnly(), card), OnnxConfig(opset=17))
    built = OnnxUltralytics().build(content, None, UltralyticsConfig())
    assert isinstance(built, NotBuilt)
    assert "YOLO() reads all of student_onnx" in built.why


def test_class_names_that_are_no_plain_text_arrive_as_they_are(blob_student, image, tmp_path):
    card = Card("detect", ('it\'s "red"\n', "Ähre 🌾"), 64, "blob", "0.1.0")
    content = to_onnx(StudentModule(blob_student.module, card), OnnxConfig(opset=17))
    assert read_by_ultralytics(content, image, tmp_path).names == dict(enumerate(card.class_names))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_several_images_at_once_are_answered_as_each_alone(edge_onnx, canvases, count):
    """By ONNX Runtime itself, without anything of ours."""
    session = onnxruntime.InferenceSession(edge_onnx, providers=["CPUExecutionProvider"])
    together = session.run(None, {"images": np.concatenate(canvases[:count])})
    for row in range(count):
        alone = session.run(None, {"images": canvases[row]})
        for all_rows, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(all_rows[row], one[0], atol=1e-5)


def test_the_quantised_file_takes_several_images_too(edge_int8, canvases):
    session = onnxruntime.InferenceSession(edge_int8, providers=["CPUExecutionProvider"])
    together = session.run(["scores"], {"images": np.concatenate(canvases[:3])})[0]
    np.testing.assert_allclose(together[1], session.run(["scores"], {"images": canvases[1]})[0][0], atol=1e-5)


def test_netron_serves_the_file_and_what_it_shows_is_there(edge_onnx, card, tmp_path):
    """Netron draws in the browser: its server hands out the file, whose names, shapes and metadata are valid ONNX."""
    netron = pytest.importorskip("netron", reason="pip install netron")
    path = tmp_path / "student.onnx"
    path.write_bytes(edge_onnx)
    host, port = netron.start(str(path), address=("localhost", 0), browse=False)
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/data/student.onnx", timeout=60) as answer:
            served = answer.read()
    finally:
        netron.stop((host, port))
    model = onnx.load_from_string(served)
    onnx.checker.check_model(model, full_check=True)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert properties["image_size"] == str(card.image_size)
    assert all(value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output))
