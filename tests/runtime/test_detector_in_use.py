"""A detector in use: files, threads, many calls, and the folders that Kedro writes."""

import json
import resource
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.runtime import ArtefactError, Card, Detector
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tasks.table import TASKS
from support.constant_student import CARD, constant_student


@pytest.fixture
def detect():
    detector = Detector.open(constant_student(), ".onnx", score_threshold=0.1, threads=1)
    yield detector
    detector.close()


def test_a_files_objects_are_those_of_its_image_in_upright_pixels(detect, tmp_path):
    image = Image.new("RGB", (300, 200), (204, 0, 0))
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / "turned.jpg"
    image.save(path, exif=exif, quality=95)
    expected = detect(np.full((300, 200, 3), (204, 0, 0), np.uint8))
    for source in (path, str(path), path.read_bytes()):
        found = detect.file(source, max_pixels=10**6, reduced=True)
        np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=1e-3)
        assert found.scores.tolist() == pytest.approx(expected.scores.tolist(), abs=0.02)
        assert found.masks.shape == (1, 300, 200)
    whole = detect.file(path, max_pixels=10**6)
    assert whole.scores.tolist() == pytest.approx(found.scores.tolist(), abs=0.02)


def test_threads_share_one_detector(detect):
    """Each of 200 images, called from eight threads, has the answer that it has alone."""
    images = [np.full((20 + n, 40, 3), n, np.uint8) for n in range(30, 230)]
    alone = [detect(image) for image in images]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(detect, images))
    for one, other in zip(alone, together, strict=True):
        assert one.scores.tolist() == other.scores.tolist()
        assert one.xyxy.tolist() == other.xyxy.tolist()
        np.testing.assert_array_equal(one.masks, other.masks)


@pytest.mark.slow
def test_twenty_thousand_calls_take_no_more_memory_than_the_first_two_thousand(detect):
    content = BytesIO()
    Image.new("RGB", (64, 64), (204, 0, 0)).save(content, "JPEG")

    def calls(count):
        for _ in range(count):
            assert len(detect.file(content.getvalue(), max_pixels=10**4).masks) == 1
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB

    first = calls(2000)
    assert calls(18_000) - first < 4096  # 0.2 bytes a call would not be seen, 250 are


def test_large_images_with_many_objects_stay_small():
    """Masks that fill 12 megapixels take a bit a pixel: a hundred of them 150 MB, not the 1.2 GB of their arrays."""
    letterbox_card = Card("detect", ("a",), 640, "yolov8-seg", "0.1.0")
    count, hw = 6, (3000, 4000)
    _, geometry = TASKS["detect"].prepare(np.zeros((*hw, 3), np.uint8), letterbox_card)
    line = np.linspace(0, 1, 160, dtype=np.float32)
    outputs = {
        "boxes": np.tile(np.array([0, 80, 640, 560], np.float32), (1, count, 1)),
        "scores": np.ones((1, count), np.float32),
        "class_ids": np.zeros((1, count), np.int64),
        "masks": np.broadcast_to(line[:, None] * line, (1, count, 160, 160)),
    }
    found = TASKS["detect"].read(outputs, geometry, letterbox_card, threshold=0.5)
    held = found.cropped
    assert held.shape == (count, *hw)
    assert sum(bits.nbytes for bits in held.bits) <= count * hw[0] * hw[1] / 8
    packed = PackedDetections.pack(found.select(np.arange(count) < 2))
    assert packed.mask_areas.tolist() == [held.part(0).sum()] * 2
    assert found.cropped is held


def versions(folder, *names):
    for name in names:
        (folder / "student_onnx.onnx" / name).mkdir(parents=True)
    return folder / "student_onnx.onnx"


def test_a_folder_of_versions_opens_the_newest(tmp_path):
    folder = versions(tmp_path, "2026-01-02T00.00.00.000Z", "2026-01-10T00.00.00.000Z", "2026-02-01T00.00.00.000Z")
    (folder / "2026-01-02T00.00.00.000Z" / folder.name).write_bytes(b"an older one")
    (folder / "2026-01-10T00.00.00.000Z" / folder.name).write_bytes(constant_student())
    assert open_engine(folder, threads=1).card == CARD  # of the newest folder nothing was written


def test_a_folder_without_versions_says_what_to_do(tmp_path):
    with pytest.raises(ArtefactError, match=r"folder of versions .* got a folder that holds \['1'\]; name the file"):
        open_engine(versions(tmp_path, "1"), threads=1)


def test_an_artefact_that_was_not_built_says_why(tmp_path):
    path = tmp_path / "student.onnx"
    path.write_bytes(json.dumps({"status": "not built", "why": "not asked for: formats"}).encode())
    with pytest.raises(ArtefactError, match=r"student\.onnx: .* was not built: not asked for: formats"):
        open_engine(path, threads=1)


def test_a_file_that_gives_no_reason_why_it_was_not_built_is_one_message():
    with pytest.raises(ArtefactError, match="expected JSON that says why it was not built"):
        open_engine(b'{"status": "not built"}', ".ncnn.zip", threads=1)
