from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gsam_edge.coco.geometry.segmentation import segmentation_to_rle
from gsam_edge.synthetic import SAMPLE_CLASSES, SampleWorldConfig, build_sample, draw_sample_scene
from gsam_edge.synthetic.line import LINE_A, LINE_B
from gsam_edge.synthetic.sample import LABELS, SPOTS
from gsam_edge.vision.images import decode_image
from gsam_edge.vision.masks import paired_iou

SIDE = 192
CONFIG = SampleWorldConfig(
    seed=5,
    train=3,
    val=2,
    test=6,
    held_back=6,
    unlabelled=3,
    line_b_share=0.5,
    image_size=SIDE,
    polygon_tolerance=0.5,
    jpeg_quality=85,
    empty_probability=0.1,
    max_ears=4,
    max_defects=3,
    min_defect=10,
    max_defect=34,
    max_labels=2,
    max_litter=6,
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


@given(st.integers(0, 2**32 - 1), st.sampled_from([LINE_A, LINE_B]))
@settings(max_examples=25, deadline=None)
def test_every_scene_holds_disjoint_visible_objects(seed, line):
    scene = draw_sample_scene(np.random.default_rng(seed), CONFIG, line)
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
        scene = draw_sample_scene(np.random.default_rng(seed), CONFIG, LINE_A)
        counts.update(scene.phrases)
        objects.append(len(scene.phrases))
    assert all(counts[name] > 8 for name in SAMPLE_CLASSES)
    assert 2 < np.mean(objects) < 5
    none = CONFIG.model_copy(update={"empty_probability": 1.0})
    assert draw_sample_scene(np.random.default_rng(0), none, LINE_A).masks.shape == (0, SIDE, SIDE)


def scene_with(**changed):
    """A bag in even light and without occluders, blur and noise."""
    clear = {"occluder_probability": 0.0, "light_strength": 0.0, "max_motion": 1.0, "max_noise": 0.001}
    return CONFIG.model_copy(update={"empty_probability": 0.0, **clear, **changed})


def test_defects_are_as_small_and_as_large_as_asked():
    config = scene_with(min_defect=10, max_defect=14, max_labels=0)
    sides = []
    for seed in range(14):
        scene = draw_sample_scene(np.random.default_rng(seed), config, LINE_A)
        for mask, name in zip(scene.masks, scene.phrases, strict=True):
            if name in SPOTS:
                rows, columns = np.nonzero(mask)
                sides.append(max(np.ptp(rows), np.ptp(columns)) + 1)
    assert len(sides) > 8
    assert min(sides) >= 6
    assert max(sides) <= 14 * 2**0.5 + 5  # askew in its box, with its rim


def test_a_barcode_alone_tells_the_two_kinds_of_labels_apart():
    """Bars make more dark-light changes along a label than its text does, on the card as it is printed."""
    from gsam_edge.synthetic.card import draw_print

    def changes(barcode):
        cards = (draw_print(np.random.default_rng(seed), 260, 170, barcode=barcode) for seed in range(20))
        lowest = (np.abs(np.diff(card[-36:-18].astype(int).sum(axis=2), axis=1)) > 60 for card in cards)
        return np.mean([rows.mean() for rows in lowest])

    assert changes(barcode=True) > 2 * changes(barcode=False)


def test_the_two_lines_differ_in_belt_and_light():
    """The colours of bare belts of both lines do not overlap: B is warmer or more colourful in every image."""
    bare = CONFIG.model_copy(update={"empty_probability": 1.0, "max_litter": 0, "occluder_probability": 0.0})

    def colourfulness(line):
        images = [draw_sample_scene(np.random.default_rng(seed), bare, line).image for seed in range(6)]
        borders = [np.concatenate([image[:12].reshape(-1, 3), image[-12:].reshape(-1, 3)]) for image in images]
        means = [border.mean(axis=0) for border in borders]
        return [float(np.ptp(mean) / mean.max()) for mean in means]

    assert max(colourfulness(LINE_A)) < min(colourfulness(LINE_B))


def test_what_tells_look_alikes_apart_is_never_hidden():
    """An occluder never covers a label, not even in part: its barcode could lie behind it."""
    crowded = CONFIG.model_copy(update={"occluder_probability": 1.0, "empty_probability": 0.0})
    bare = crowded.model_copy(update={"occluder_probability": 0.0})
    covered = 0
    for seed in range(12):
        before = draw_sample_scene(np.random.default_rng(seed), bare, LINE_A)
        after = draw_sample_scene(np.random.default_rng(seed), crowded, LINE_A)
        covered += before.masks.sum() > after.masks.sum()
        labels = [scene.masks[[name in LABELS for name in scene.phrases]].any(axis=0) for scene in (before, after)]
        np.testing.assert_array_equal(*labels)
    assert covered > 0


def test_counts_names_classes_splits_and_lines(sample):
    annotations = sample.annotations
    assert annotations.class_names == SAMPLE_CLASSES
    assert [category["id"] for category in annotations.categories] == [1, 2, 3, 4, 5, 6]
    assert [image["file_name"] for image in annotations.images] == list(sample.images)
    assert next(iter(sample.images)) == "images/train_0001.jpg"
    assert list(sample.unlabelled) == [f"unlabelled/000{number}.jpg" for number in (1, 2, 3)]
    assert annotations.has_boxes
    assert annotations.has_masks
    assert [record["id"] for record in annotations.objects] == list(range(1, len(annotations.objects) + 1))
    splits = Counter(image["split"] for image in annotations.images)
    assert splits == {"train": 3, "val": 2, "test": 6, "held_back": 6}
    lines = {part: {image["line"] for image in annotations.images if image["split"] == part} for part in splits}
    assert lines == {"train": {"A"}, "val": {"A"}, "test": {"A", "B"}, "held_back": {"A", "B"}}


def test_files_are_pictures_of_the_declared_size(sample):
    for name, content in {**sample.images, **sample.unlabelled}.items():
        assert decode_image(content, name=name, max_pixels=SIDE**2).shape == (SIDE, SIDE, 3)


def test_boxes_and_areas_are_those_of_the_polygons(sample):
    for record in sample.annotations.objects:
        rle = segmentation_to_rle(record["segmentation"], (SIDE, SIDE))
        assert record["bbox"] == list(coco_mask.toBbox(rle))
        assert record["area"] == coco_mask.area(rle) > 0


def test_polygons_agree_with_the_exact_masks(sample):
    seeds = np.random.SeedSequence(CONFIG.seed).spawn(1)[0].spawn(CONFIG.train)  # those of the training images
    for image, seed in zip(sample.annotations.images, seeds, strict=False):
        rng = np.random.default_rng(seed)
        rng.random()  # chose the line
        scene = draw_sample_scene(rng, CONFIG, LINE_A)
        truth = sample.annotations.truth(image["id"])
        assert len(truth) == len(scene.masks)
        assert [SAMPLE_CLASSES[i] for i in truth.class_ids] == list(scene.phrases)
        for drawn, traced in zip(scene.masks, truth.masks, strict=True):
            if drawn.sum() > 400:
                assert paired_iou(drawn[None], traced[None])[0] >= 0.97


def test_same_config_gives_the_same_bytes_and_counts_do_not_matter(sample):
    counts = {"train": 2, "val": 1, "test": 1, "held_back": 0, "unlabelled": 1}
    fewer = build_sample(CONFIG.model_copy(update=counts))
    for name, content in {**fewer.images, **fewer.unlabelled}.items():
        assert content == {**sample.images, **sample.unlabelled}[name]
    ids = {image["file_name"]: image["id"] for image in sample.annotations.images}
    for image in fewer.annotations.images:
        same = sample.annotations.truth(ids[image["file_name"]])
        np.testing.assert_array_equal(fewer.annotations.truth(image["id"]).xyxy, same.xyxy)
    other = build_sample(CONFIG.model_copy(update={**counts, "seed": 6}))
    assert other.images["images/train_0001.jpg"] != sample.images["images/train_0001.jpg"]


def test_no_two_pictures_are_alike(sample):
    contents = sorted([*sample.images.values(), *sample.unlabelled.values()])
    assert all(one != next_ for one, next_ in pairwise(contents))
