"""What is computed at coarse places against albumentations' own, with the same draws."""

import random

import cv2
import numpy as np
import pytest

from gsam_edge.augmentation import coarse
from gsam_edge.augmentation.geometry import A, Compose

SIZES = [(256, 256), (187, 256), (40, 33), (480, 640)]


def both(name: str, image: np.ndarray, seed: int, **settings) -> list[dict]:
    """The parameters and the changed image, by albumentations and at coarse places."""
    results = []
    for module in (A, coarse):
        transform = getattr(module, name)(p=1.0, **settings)
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
        data = {"image": image}
        params = transform.update_transform_params(transform.get_params(), data)
        params.update(transform.get_params_dependent_on_data(params, data))
        results.append({**params, "changed": transform.apply(image, **params), "next": transform.py_random.random()})
    return results


def picture(image_hw: tuple[int, int]) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(noise, image_hw[::-1], interpolation=cv2.INTER_CUBIC)


def displacement(params: dict) -> np.ndarray:
    height, width = params["map_x"].shape
    return np.stack([params["map_x"] - np.arange(width), params["map_y"] - np.arange(height)[:, None]])


@pytest.mark.parametrize("image_hw", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_a_spline_moves_each_pixel_as_albumentations_does(image_hw, seed):
    own, ours = both("ThinPlateSpline", picture(image_hw), seed, scale_range=(0.06, 0.06), num_control_points=4)
    error = np.abs(displacement(own) - displacement(ours))
    assert error.max() < 0.2
    assert error.mean() < 0.03
    assert np.abs(displacement(own)).max() > 2 * error.max()
    assert ours["map_x"].dtype == ours["map_y"].dtype == np.float32
    assert own["next"] == ours["next"]


@pytest.mark.parametrize("image_hw", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_an_elastic_field_is_albumentations_own(image_hw, seed):
    """All but the pixels along the border, where albumentations' field is rough: it repeats the outermost noise."""
    growth = max(image_hw) / 640
    own, ours = both("ElasticTransform", picture(image_hw), seed, alpha=1300 * growth**2, sigma=30 * growth)
    expected, error = displacement(own), np.abs(displacement(own) - displacement(ours))
    assert error[:, 8:-8, 8:-8].max() < 0.1 * np.abs(expected[:, 8:-8, 8:-8]).max()
    assert error.mean() < 0.05 * np.abs(expected).mean()
    assert displacement(ours).std() == pytest.approx(expected.std(), rel=0.02)


@pytest.mark.parametrize("image_hw", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_a_flare_is_as_bright_as_albumentations_own(image_hw, seed):
    settings = {"flare_roi": (0, 0, 1, 1), "num_flare_circles_range": (1, 3), "method": "physics_based"}
    image = picture(image_hw)
    own, ours = both("RandomSunFlare", image, seed, src_radius=max(2, round(75 * max(image_hw) / 640)), **settings)
    error = np.abs(own["changed"].astype(int) - ours["changed"])
    assert error.max() <= 8
    assert error.mean() < 0.3
    assert np.abs(own["changed"].astype(int) - image).max() > 20


def test_boxes_are_filtered_where_they_moved_and_only_there(monkeypatch):
    looked = []
    check = A.Compose.check_data_post_transform
    monkeypatch.setattr(
        A.Compose, "check_data_post_transform", lambda self, data: (looked.append(1), check(self, data))[1]
    )
    steps = [A.RandomGamma(p=1.0), A.HorizontalFlip(p=1.0), A.RandomGamma(p=1.0), A.VerticalFlip(p=0.0)]
    compose = Compose(steps, bbox_params=A.BboxParams("pascal_voc", min_visibility=0.15))
    boxes = np.array([[2, 3, 20, 30, 0]], np.float32)
    for _ in range(2):
        looked.clear()
        moved = compose(image=picture((40, 33)), bboxes=boxes)
        assert moved["bboxes"].round(3).tolist() == [[13, 3, 31, 30, 0]]
        assert len(looked) == 2  # at first, and after the flip
