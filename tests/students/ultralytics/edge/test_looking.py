"""A student looks at images: it finds what it finds elsewhere, and features tell images apart."""

import numpy as np
import pytest
import torch

from gsam_edge.coco.annotations import Annotations
from gsam_edge.students.looking import look_at, some_images
from gsam_edge.students.predictor import StudentPredictor

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
    look = look_at(student, IMAGES, [1, 2, 3, 4], pictures, score_threshold=0.1, device="cpu")
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
    look = look_at(weights("yolov8"), IMAGES, [], {}, score_threshold=0.1, device="cpu")
    assert (look.found, look.features.shape) == ({}, (0, 0))


def test_of_many_images_some_are_drawn_by_the_seed_in_their_order():
    assert some_images(IMAGES, 4, 0) == [1, 2, 3, 4]
    drawn = {tuple(some_images(IMAGES, 2, seed)) for seed in range(20)}
    assert len(drawn) > 3
    assert all(list(ids) == sorted(ids) and len(set(ids)) == 2 for ids in drawn)
    assert some_images(IMAGES, 2, 7) == some_images(IMAGES, 2, 7)
