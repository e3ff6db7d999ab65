"""Labels on disk: killed processes, several at once, and a full store that is read without decoding an image."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.datasets import images as image_files
from gsam_edge.distill.labels.labelling import StoreCounts, label_images, require_labels
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.errors import UselessTeacherError
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageError
from support.labelling import BATCH, IMAGES, TEACHER, labelled

TESTS = Path(__file__).parents[2]
FLOOR = FloorConfig(map50=0.1, mask_iou=0.5, recall=0.3, score_threshold=0.25, below="error")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "notes").mkdir()
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 255, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    return tmp_path


def start(folder: Path, name: str, seconds: float, workers: int = 1) -> subprocess.Popen[bytes]:
    # Workers find the teacher by the name of its module, which is not that of the main one.
    program = "from support.labelling import main; main()"
    command = [sys.executable, "-c", program, str(folder), str(seconds), name, str(workers)]
    return subprocess.Popen(command, cwd=TESTS, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "store").glob("??/*.json"))


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the files of a store by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("??/*")}


def ended(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


@pytest.mark.slow
def test_a_killed_process_leaves_whole_labels_and_the_next_one_makes_the_others(folder):
    for labels_at_least in (1, 20, 40):
        process = start(folder, "killed", 0.05)
        while len(stored(folder)) < labels_at_least:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    there = stored(folder)
    assert labels_at_least <= len(there) < IMAGES
    for path in there:
        PackedDetections.from_record(json.loads(path.read_bytes()))
    labels, counts = labelled(folder, seconds=0)
    assert counts == StoreCounts(hits=len(there), new=IMAGES - len(there))
    assert len(labels.objects) == IMAGES


@pytest.mark.slow
def test_two_processes_share_a_store_and_the_work(folder):
    """Both end with the same labels, and few images are labelled by both, although they begin with the same."""
    first, second = (start(folder, name, 0.2) for name in ("first", "second"))
    ended(first)
    ended(second)
    assert (folder / "first.json").read_bytes() == (folder / "second.json").read_bytes()
    assert len(stored(folder)) == IMAGES
    counts = [tuple(map(int, (folder / f"{name}.counts").read_text().split())) for name in ("first", "second")]
    assert all(hits + new == IMAGES for hits, new in counts)
    assert sum(new for _, new in counts) <= 1.5 * IMAGES


@pytest.mark.slow
def test_two_workers_killed_at_random_leave_the_store_of_one(folder):
    """No image is asked about twice but those in hand: of a worker one batch, of the whole program two a worker."""
    random, asked_again = np.random.default_rng(0), 0
    for victims in (["program"], ["worker", "program"], ["worker"]):
        program = start(folder, "killed", 0.1, workers=2)
        for victim in victims:
            before = len(stored(folder))
            while len(stored(folder)) == before:
                assert program.poll() is None
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.2))
            workers = psutil.Process(program.pid).children()
            killed = random.choice(workers).pid if victim == "worker" else program.pid
            os.kill(killed, signal.SIGKILL)
            asked_again += BATCH if victim == "worker" else 2 * 2 * BATCH
        if victim == "program":
            program.communicate()
            assert len(stored(folder)) < IMAGES
    ended(program)
    labelled(folder, seconds=0, store="alone")
    assert contents(folder / "store") == contents(folder / "alone")
    asked = Counter(path.name.partition("-")[0] for path in (folder / "notes").iterdir())
    assert len(asked) == IMAGES
    assert asked.total() <= IMAGES + asked_again


def test_two_workers_store_what_one_stores_and_copies_are_asked_about_once(folder):
    for number in (2, 5, 40):
        (folder / "images" / f"{number}.png").write_bytes((folder / "images" / "1.png").read_bytes())
    alone = labelled(folder, seconds=0, store="alone")
    shared = labelled(folder, seconds=0.001, notes=folder / "notes", workers=2)
    assert shared.counts == alone.counts == StoreCounts(hits=3, new=IMAGES - 3)
    assert shared.labels.digest == alone.labels.digest
    assert contents(folder / "store") == contents(folder / "alone")
    assert len(list((folder / "notes").iterdir())) == IMAGES - 3


def test_an_image_that_a_worker_cannot_read_is_named(folder):
    (folder / "images" / "30.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"30\.png"):
        labelled(folder, seconds=0, workers=2)
    assert len(stored(folder)) == 28, "the batches before it are stored"


def test_a_full_store_is_read_without_decoding(folder, monkeypatch):
    """A file that was encoded anew is another image, one that was only touched or copied is not."""
    decodes = []
    decode = image_files.decode_image
    monkeypatch.setattr(image_files, "decode_image", lambda *a, **k: decodes.append(k["name"]) or decode(*a, **k))
    first, counts = labelled(folder, seconds=0)
    assert (counts, len(decodes)) == (StoreCounts(hits=0, new=IMAGES), IMAGES)
    decodes.clear()
    for path in (folder / "images").iterdir():
        path.touch()
    second, counts = labelled(folder, seconds=0)
    assert (counts, decodes) == (StoreCounts(hits=IMAGES, new=0), [])
    assert first.digest == second.digest
    path = folder / "images" / "7.png"
    with Image.open(path) as image:
        image.load()
        Image.fromarray(255 - np.asarray(image)).save(path)
    _, counts = labelled(folder, seconds=0)
    assert (counts, decodes) == (StoreCounts(hits=IMAGES - 1, new=1), ["7.png"])


def found(*class_ids: int) -> PackedDetections:
    number = len(class_ids)
    boxes = np.tile(np.array([1, 1, 5, 5], np.float32), (number, 1))
    return PackedDetections.pack(Detections(boxes, np.full(number, 0.3, np.float32), np.array(class_ids, np.int64)))


def labels_of(**sets: PackedDetections) -> dict[str, Predictions]:
    return {name: Predictions({1: objects}, ("ear", "label"), TEACHER) for name, objects in sets.items()}


def test_no_labels_at_all_end_the_run_and_say_what_to_try(caplog):
    nothing = labels_of(train=found(), pool=found())
    message = (
        r"found none at all in the images \(1 of train, 1 of pool\); try a lower labelling.score_threshold, a name"
    )
    with pytest.raises(UselessTeacherError, match=message):
        require_labels(nothing, FLOOR)
    require_labels(nothing, FLOOR.model_copy(update={"below": "keep"}))
    assert "found none at all" in caplog.text


def test_a_class_that_was_never_found_is_warned_of(caplog):
    require_labels(labels_of(train=found(0), pool=found(0, 1)), FLOOR)
    assert not caplog.records
    require_labels(labels_of(train=found(0), pool=found(0, 0)), FLOOR)
    assert "the teachers found no 'label' in any image (1 of train, 1 of pool)" in caplog.text


def test_a_student_labels_the_same_way():
    """By its weights' digest: another student asks anew, the same one does not."""
    split = Annotations(({"id": 1, "file_name": "a", "width": 9, "height": 9},), (), ({"id": 1, "name": "ear"},))
    store = {}

    def counted(digest: str) -> StoreCounts:
        student = PredictorInfo("student", digest, prompted_with_boxes=False)
        images = {"a": np.zeros((9, 9, 3), np.uint8)}
        predict = [found(0).unpack()]
        return label_images(lambda: lambda *_: predict, student, split, images, batch_size=1, store=store)[1]

    assert [counted(digest) for digest in ("w1", "w1", "w2")] == [
        StoreCounts(0, 1),
        StoreCounts(1, 0),
        StoreCounts(0, 1),
    ]


def test_an_empty_pool_has_no_labels_and_needs_no_teacher():
    nothing = Annotations((), (), ({"id": 1, "name": "ear"},))
    labels, counts = label_images(lambda: pytest.fail("built"), TEACHER, nothing, {}, batch_size=4, store={})
    assert (labels.objects, counts) == ({}, StoreCounts(0, 0))
