"""A student looks at images: it finds what it finds elsewhere, features tell images apart, a killed look continues."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import StoredDetectionsError
from gsam_edge.datasets.state import JsonStore
from gsam_edge.students.looking import look_at, some_images
from gsam_edge.students.predictor import StudentPredictor
from support.forked import run_forked

RECORDS = tuple({"id": n, "file_name": f"{n}.png", "height": 48, "width": 64} for n in range(1, 5))
IMAGES = Annotations(RECORDS, (), ({"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "ü"}))


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(2)]
    plain = np.full((48, 64, 3), 120, np.uint8)
    return {"1.png": noise[0], "2.png": noise[1], "3.png": noise[0], "4.png": plain}


@pytest.mark.parametrize("architecture", ["yolov8", "yolo26-seg"])
def test_it_finds_what_the_predictor_finds_and_features_tell_images_apart(weights, pictures, architecture):
    student = weights(architecture)
    look = look_at(student, IMAGES, [1, 2, 3, 4], pictures, score_threshold=0.1, device="cpu", store={})
    predict = StudentPredictor(student, score_threshold=0.1, device=torch.device("cpu"))
    for image_id, found in look.found.items():
        np.testing.assert_array_equal(found.unmasked.xyxy, predict(pictures[f"{image_id}.png"]).xyxy)
    np.testing.assert_allclose(np.linalg.norm(look.features, axis=1), 1, rtol=1e-5)
    likeness = look.features @ look.features.T
    assert likeness[0, 2] == pytest.approx(1, abs=1e-5)
    assert likeness[0, 1] > likeness[0, 3]
    with predict.watched() as maps:
        predict(pictures["1.png"])
    levels = len(maps)
    assert levels >= 2
    predict(pictures["1.png"])
    assert len(maps) == levels  # nothing is watched any more


def test_of_no_image_there_is_nothing(weights):
    look = look_at(weights("yolov8"), IMAGES, [], {}, score_threshold=0.1, device="cpu", store={})
    assert (look.found, look.features.shape) == ({}, (0, 0))


def test_of_many_images_some_are_drawn_by_the_seed_in_their_order():
    assert some_images(IMAGES, 4, 0) == [1, 2, 3, 4]
    drawn = {tuple(some_images(IMAGES, 2, seed)) for seed in range(20)}
    assert len(drawn) > 3
    assert all(list(ids) == sorted(ids) and len(set(ids)) == 2 for ids in drawn)
    assert some_images(IMAGES, 2, 7) == some_images(IMAGES, 2, 7)


class Read(Mapping[str, np.ndarray]):
    """Images that note which of them are decoded, with digests that need none to be."""

    def __init__(self, pictures: dict[str, np.ndarray], before: Callable[[str], None] = lambda name: None) -> None:
        self.decoded: list[str] = []
        self._pictures, self._before = pictures, before

    def __getitem__(self, name: str) -> np.ndarray:
        self._before(name)
        self.decoded.append(name)
        return self._pictures[name]

    def digest(self, name: str) -> str:
        return self._pictures[name].tobytes().hex()[:40]

    def __iter__(self):
        return iter(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("??/*.json")}


def test_a_killed_look_continues_where_it_was_and_sees_the_same(weights, pictures, tmp_path):
    """The process is killed when it comes to the fourth image: the next one decodes that image and no other."""
    student = weights("yolov8-seg")
    pictures["3.png"] = 255 - pictures["1.png"]
    ids = [1, 2, 3, 4]

    def look(folder: Path, images: Read):
        store = JsonStore(folder)
        return look_at(student, IMAGES, ids, images, score_threshold=0.1, device="cpu", store=store)

    def die(name: str) -> None:
        if name == "4.png":
            os.kill(os.getpid(), signal.SIGKILL)

    def look_and_die() -> None:
        torch.set_num_threads(1)  # the threads of the process that this one is a copy of are not in it
        look(tmp_path / "killed", Read(pictures, die))

    assert run_forked(look_and_die) == -signal.SIGKILL
    before = stored(tmp_path / "killed")
    assert len(before) == 3
    images = Read(pictures)
    continued = look(tmp_path / "killed", images)
    assert images.decoded == ["4.png"]
    assert before.items() < stored(tmp_path / "killed").items()

    whole = look(tmp_path / "whole", Read(pictures))
    assert list(continued.found) == list(whole.found) == ids
    np.testing.assert_allclose(continued.features, whole.features, atol=1e-6)
    assert sum(len(found) for found in whole.found.values()) > 4
    for image_id, found in whole.found.items():
        again = continued.found[image_id]
        np.testing.assert_allclose(again.unmasked.xyxy, found.unmasked.xyxy, atol=1e-3)
        np.testing.assert_array_equal(again.unmasked.class_ids, found.unmasked.class_ids)
        np.testing.assert_array_equal(again.mask_areas, found.mask_areas)

    images = Read(pictures)
    seen = look(tmp_path / "whole", images)
    assert images.decoded == []
    np.testing.assert_array_equal(seen.features, whole.features)


def test_what_a_look_depends_on_is_looked_at_anew(weights, pictures, tmp_path):
    """Another student, another threshold or other pixels: each is a look of its own."""
    store, student = JsonStore(tmp_path), weights("yolov8")
    other = replace(student, facts={"seed": 7})

    def decoded(student, threshold: float) -> list[str]:
        images = Read(pictures)
        look_at(student, IMAGES, [1, 4], images, score_threshold=threshold, device="cpu", store=store)
        return images.decoded

    assert decoded(student, 0.1) == ["1.png", "4.png"]
    assert decoded(student, 0.1) == []
    assert decoded(student, 0.2) == ["1.png", "4.png"]
    assert decoded(other, 0.1) == ["1.png", "4.png"]
    pictures["4.png"] = pictures["4.png"] + np.uint8(1)
    assert decoded(student, 0.1) == ["4.png"]


@pytest.mark.parametrize("damage", [{"features": "no base64"}, {"features": None}, {"found": {"scores": [1]}}])
def test_a_damaged_look_is_one_message(weights, pictures, tmp_path, damage):
    store, student = JsonStore(tmp_path), weights("yolov8")

    def look() -> None:
        look_at(student, IMAGES, [1], pictures, score_threshold=0.1, device="cpu", store=store)

    look()
    (path,) = tmp_path.glob("??/*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(StoredDetectionsError, match="run"):
        look()
