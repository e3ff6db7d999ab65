"""Engine and task against graphs written by hand, whose answers are known."""

import pickle
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from gsam_edge.datasets.images import ImageFolder
from gsam_edge.runtime import ArtefactError, Detector
from gsam_edge.runtime.engines.table import open_engine
from support.constant_student import CARD, constant_student

README = Path(__file__).parents[2] / "README.md"


def test_a_picture_becomes_detections_in_its_own_pixels():
    detect = Detector.open(constant_student(), ".onnx", score_threshold=0.5, threads=1)
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 204
    found = detect(image)
    assert detect.card == CARD
    np.testing.assert_allclose(found.xyxy, [[16, 16, 48, 48]])
    assert found.scores.tolist() == pytest.approx([0.8])
    assert found.class_ids.tolist() == [1]
    assert found.masks.sum() == 32 * 32
    image[..., 0] = 102
    assert len(detect(image)) == 0


def test_the_factory_can_be_sent_to_another_process():
    factory = partial(Detector.open, constant_student(), ".onnx", score_threshold=0.5, threads=1)
    factory = pickle.loads(pickle.dumps(factory))  # noqa: S301
    assert len(factory()(np.full((16, 48, 3), 255, np.uint8))) == 1


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (b"no model", "expected an ONNX model that ONNX Runtime can load, got bytes that are no protocol buffer"),
        (b"", "expected an ONNX model that ONNX Runtime can load, got 0 bytes"),
        (
            constant_student(inputs=("images", "boxes_prompt")),
            r"expected exactly one input, 'images', got \['images', 'boxes_p",
        ),
        (
            constant_student(card=None),
            r"expected \['architecture', 'class_names', 'gsam_edge_task', 'image_size', 'version'\] too",
        ),
    ],
)
def test_what_is_no_student_is_refused(model, message):
    with pytest.raises(ArtefactError, match=message):
        Detector.open(model, ".onnx", score_threshold=0.5, threads=1)


def test_without_a_threshold_the_cards_are_taken():
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 204  # an object of class 1 that scores 0.8
    for thresholds, count in (((1.0, 0.8), 1), ((0.0, 0.81), 0)):
        model = constant_student(card=replace(CARD, recommended_thresholds=thresholds))
        detect = Detector.open(model, ".onnx", threads=1)
        assert detect.score_threshold == thresholds
        assert len(detect(image)) == count
        assert len(Detector.open(model, ".onnx", score_threshold=0.5, threads=1)(image)) == 1
        assert len(Detector.open(model, ".onnx", score_threshold=thresholds[::-1], threads=1)(image)) == 1 - count


def test_a_card_that_recommends_none_asks_for_a_threshold():
    with pytest.raises(ArtefactError, match=r"recommended_thresholds: expected .* or give score_threshold a number"):
        Detector.open(constant_student(), ".onnx", threads=1)
    with pytest.raises(ValueError, match=r"expected one number, or one for each of 2 classes, got 3"):
        Detector.open(constant_student(), ".onnx", score_threshold=[0.1, 0.2, 0.3], threads=1)


def test_the_parts_of_a_call_are_told_apart():
    detect = Detector.open(constant_student(), ".onnx", score_threshold=0.5, threads=1)
    image = np.full((64, 64, 3), 204, np.uint8)
    found, stages_ms = detect.staged(image)
    np.testing.assert_array_equal(found.xyxy, detect(image).xyxy)
    assert list(stages_ms) == ["preprocess", "inference", "postprocess"]
    assert min(stages_ms.values()) > 0


@pytest.mark.parametrize("threshold", [30, -0.1, float("nan"), float("inf"), "0.25", ["0.25", 0.5], [2, 0.5]])
def test_a_threshold_that_is_no_score_is_refused_before_any_image(threshold):
    with pytest.raises(
        ValueError, match=f"score_threshold: expected a number in 0..1, got {re.escape(repr(threshold))}"
    ):
        Detector.open(constant_student(), ".onnx", score_threshold=threshold, threads=1)


@pytest.mark.parametrize("size", [64, 1024])
def test_a_card_of_another_size_than_the_graphs_is_refused(size):
    with pytest.raises(
        ArtefactError, match=rf"\[1 or any, 3, {size}, {size}\] by the card, got float32 \[1, 3, 32, 32\]"
    ):
        Detector.open(constant_student(card=replace(CARD, image_size=size)), ".onnx", score_threshold=0.5, threads=1)


def test_an_object_of_a_class_that_the_card_does_not_name_is_refused():
    detect = Detector.open(
        constant_student(card=replace(CARD, class_names=("dot",))), ".onnx", score_threshold=0.5, threads=1
    )
    with pytest.raises(ArtefactError, match=r"class_ids: expected 0..0 by the card, which names 1, got \[1\]"):
        detect(np.full((32, 32, 3), 255, np.uint8))


def test_a_student_whose_weights_lie_beside_it_is_refused(tmp_path, monkeypatch):
    """An artefact is its bytes; ONNX Runtime would read the file from wherever the process happens to run."""
    model = onnx.load_from_string(constant_student())
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, tmp_path / "student.onnx")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtefactError, match="expected all of them inside the ONNX file"):
        Detector.open(tmp_path / "student.onnx", score_threshold=0.5, threads=1)


def renamed_output():
    model = onnx.load_from_string(constant_student())
    model.graph.node[2].output[0] = model.graph.output[1].name = "confidences"
    return model.SerializeToString()


def test_an_output_under_another_name_is_refused():
    with pytest.raises(ArtefactError, match=r"expected the outputs \['boxes', .*'masks'\], got .*'confidences'"):
        open_engine(renamed_output(), ".onnx", threads=1)


def test_a_file_says_by_its_name_what_opens_it(tmp_path):
    path = tmp_path / "student_int8.onnx"
    path.write_bytes(constant_student())
    assert open_engine(path, threads=1).card == CARD
    other = str(path.rename(tmp_path / "student.unknown"))
    with pytest.raises(ArtefactError, match=r"name ends with one of \[.*'.onnx'.*\], got '.*student.unknown'"):
        open_engine(other, threads=1)
    with pytest.raises(ValueError, match="expected a suffix"):
        open_engine(constant_student(), threads=1)


def test_a_file_is_read_as_the_format_that_was_checked():
    """ONNX Runtime takes a file whose fifth to eighth bytes are ORTM for its own format, unless it is told not to."""
    unknown_field = b"\x7a\x06\x00\x00ORTM"  # number 15, of 6 bytes
    engine = open_engine(unknown_field + constant_student(), ".onnx", threads=1)
    assert engine.card == CARD


def test_without_onnxruntime_one_line_says_how_it_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ArtefactError, match=r"expected the package onnxruntime, .*: pip install onnxruntime"):
        open_engine(constant_student(), ".onnx", threads=1)


def test_a_provider_that_is_not_there_is_refused_and_not_replaced():
    with pytest.raises(ArtefactError, match=r"expected some of .*CPUExecutionProvider.*, got \['Abacus"):
        open_engine(constant_student(), ".onnx", threads=1, providers=["AbacusExecutionProvider"])
    engine = open_engine(constant_student(), ".onnx", threads=1, providers=["CPUExecutionProvider"])
    assert set(engine.run(np.ones((1, 3, 32, 32), np.float32))) == {"boxes", "scores", "class_ids", "masks"}


def test_the_runtime_needs_only_numpy_pillow_and_its_backend(tmp_path):
    path = tmp_path / "student.onnx"
    path.write_bytes(constant_student())
    Image.new("L", (30, 20), 255).save(tmp_path / "white.png")
    program = f"""
import sys, pathlib
for name in (
    "torch", "torchvision", "pycocotools", "transformers", "cv2", "pydantic", "kedro", "onnx", "scipy", "pandas"
):
    sys.modules[name] = None  # an import of it fails from here on
from gsam_edge.runtime import Detector, decode_image
detect = Detector.open({str(path)!r}, score_threshold=0.5, threads=1)
image = pathlib.Path({str(tmp_path / "white.png")!r})
print(len(detect(decode_image(image.read_bytes(), name=image.name, max_pixels=600))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "1", done.stderr


def test_importing_the_room_loads_no_backend():
    heavy = {"torch", "onnx", "onnxruntime", "pycocotools", "cv2", "pandas", "scipy", "pydantic", "kedro", "mlflow"}
    program = f"import sys, gsam_edge.runtime, gsam_edge.export; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def turned():
    """An image that its EXIF turns by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return pixels("RGB"), "JPEG", {"exif": exif}


def pixels(mode):
    rng = np.random.default_rng(0)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 2**16, (40, 60), np.uint16))
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (60, 40), rng.integers(0, 256, (40, 60, bands), np.uint8).tobytes())


@pytest.mark.parametrize(
    ("image", "file_format", "options"),
    [
        turned(), (pixels("I;16"), "PNG", {}), (pixels("I;16"), "TIFF", {}), (pixels("CMYK"), "JPEG", {}),
        (pixels("L"), "PNG", {}), (pixels("RGBA"), "PNG", {}), (pixels("LA"), "PNG", {}), (pixels("P"), "GIF", {}),
    ],
    ids=["EXIF", "16-bit PNG", "16-bit TIFF", "CMYK", "grey", "RGBA", "grey with alpha", "palette"],
)  # fmt: skip
def test_the_readmes_example_reads_a_picture_as_training_did(tmp_path, monkeypatch, image, file_format, options):
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "Detector" in block
    )
    (tmp_path / "example.py").write_text(example)
    student = tmp_path / "data" / "06_models" / "student_int8.onnx"
    student.parent.mkdir(parents=True)
    student.write_bytes(constant_student(card=replace(CARD, recommended_thresholds=(0.3, 0.3))))
    image.save(tmp_path / "image.jpg", file_format, **options)
    monkeypatch.chdir(tmp_path)
    left = runpy.run_path("example.py")
    in_training = ImageFolder(tmp_path, max_pixels=10_000)["image.jpg"]
    expected = left["detect"](in_training)
    np.testing.assert_array_equal(left["found"].xyxy, expected.xyxy)
    np.testing.assert_array_equal(left["found"].scores, expected.scores)
