from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gsam_edge.coco.geometry.segmentation import segmentation_to_rle
from gsam_edge.synthetic import SAMPLE_CLASSES, SampleWorldConfig, build_sample, draw_sample_scene
from gsam_edge.vision.images import decode_image
from gsam_edge.vision.masks import paired_iou

SIDE = 192
CONFIG = SampleWorldConfig(
    seed=5,
    labelled=8,
    unlabelled=3,
    image_size=SIDE,
    polygon_tolerance=0.5,
    jpeg_quality=85,
    empty_probability=0.1,
    max_ears=4,
    max_defects=3,
    max_labels=2,
    max_litter=3,
    occluder_probability=0.5,
    min_visible=0.45,
    light_strength=0.35,
    max_blur=1.1,
    max_motion=4.5,
    max_noise=0.045,
)


@pytest.fixture(scope="module")
def sample():
    return build_sample(CONFIG)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_every_scene_holds_disjoint_visible_objects(seed):
    scene = draw_sample_scene(np.random.default_rng(seed), CONFIG)
    assert scene.image.shape == (SIDE, SIDE, 3)
    assert set(scene.phrases) <= set(SAMPLE_CLASSES)
    assert len(scene.phrases) <= 6
    assert scene.masks.any(axis=(1, 2)).all()
    if len(scene.masks):
        assert scene.masks.sum(axis=0).max() == 1


def test_world_is_as_full_and_as_empty_as_asked():
    counts = Counter()
    objects = []
    for seed in range(40):
        scene = draw_sample_scene(np.random.default_rng(seed), CONFIG)
        counts.update(scene.phrases)
        objects.append(len(scene.phrases))
    assert all(counts[name] > 15 for name in SAMPLE_CLASSES)
    assert 2 < np.mean(objects) < 5
    none = CONFIG.model_copy(update={"empty_probability": 1.0})
    assert draw_sample_scene(np.random.default_rng(0), none).masks.shape == (0, SIDE, SIDE)


def test_counts_names_and_classes(sample):
    annotations = sample.annotations
    assert annotations.class_names == SAMPLE_CLASSES
    assert [category["id"] for category in annotations.categories] == [1, 2, 3]
    assert [image["file_name"] for image in annotations.images] == list(sample.images)
    assert next(iter(sample.images)) == "images/000001.jpg"
    assert list(sample.unlabelled) == [f"unlabelled/00000{number}.jpg" for number in (1, 2, 3)]
    assert annotations.has_boxes
    assert annotations.has_masks
    assert [record["id"] for record in annotations.objects] == list(range(1, len(annotations.objects) + 1))


def test_files_are_pictures_of_the_declared_size(sample):
    for name, content in {**sample.images, **sample.unlabelled}.items():
        assert decode_image(content, name=name, max_pixels=SIDE**2).shape == (SIDE, SIDE, 3)


def test_boxes_and_areas_are_those_of_the_polygons(sample):
    for record in sample.annotations.objects:
        rle = segmentation_to_rle(record["segmentation"], (SIDE, SIDE))
        assert record["bbox"] == list(coco_mask.toBbox(rle))
        assert record["area"] == coco_mask.area(rle) > 0


def test_polygons_agree_with_the_exact_masks(sample):
    seeds = np.random.SeedSequence(CONFIG.seed).spawn(2)[0].spawn(CONFIG.labelled)
    for image, seed in zip(sample.annotations.images, seeds, strict=True):
        scene = draw_sample_scene(np.random.default_rng(seed), CONFIG)
        truth = sample.annotations.truth(image["id"])
        assert len(truth) == len(scene.masks)
        assert [SAMPLE_CLASSES[i] for i in truth.class_ids] == list(scene.phrases)
        for drawn, traced in zip(scene.masks, truth.masks, strict=True):
            if drawn.sum() > 400:
                assert paired_iou(drawn[None], traced[None])[0] >= 0.97


def test_same_config_gives_the_same_bytes_and_counts_do_not_matter(sample):
    fewer = build_sample(CONFIG.model_copy(update={"labelled": 3, "unlabelled": 1}))
    for name, content in {**fewer.images, **fewer.unlabelled}.items():
        assert content == {**sample.images, **sample.unlabelled}[name]
    few_ids = {image["id"] for image in fewer.annotations.images}
    assert fewer.annotations.objects == sample.annotations.subset(few_ids).objects
    other = build_sample(CONFIG.model_copy(update={"seed": 6, "labelled": 1, "unlabelled": 0}))
    assert other.images["images/000001.jpg"] != sample.images["images/000001.jpg"]


def test_no_two_pictures_are_alike(sample):
    contents = sorted([*sample.images.values(), *sample.unlabelled.values()])
    assert all(one != next_ for one, next_ in pairwise(contents))
