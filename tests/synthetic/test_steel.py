"""Strips of rolled steel: exact masks, rare kinds that stay rare, good strips, and labels that are wrong on request."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.synthetic.steel import STEEL_CLASSES, SteelWorldConfig, build_steel
from gsam_edge.synthetic.steel.dataset import draw_steel
from gsam_edge.synthetic.steel.flaws import FLAWS
from gsam_edge.vision.images import decode_image

CONFIG = SteelWorldConfig(
    seed=3,
    train=40,
    val=6,
    test=10,
    image_height=64,
    image_width=400,
    jpeg_quality=90,
    good_share=0.45,
    frequencies={"pits": 0.05, "inclusion": 0.12, "scratch": 0.6, "patch": 0.23},
    second_kind=0.12,
    look_alikes=0.4,
    edge_share=0.15,
    label_noise=0.0,
    max_noise=0.03,
)
HW = (64, 400)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_strip_is_grey_and_its_defects_are_apart_and_large_enough_to_be_seen(seed):
    strip = draw_steel(np.random.default_rng(seed), CONFIG)
    assert (strip.image.shape, strip.image.dtype) == ((*HW, 3), np.uint8)
    assert (strip.image == strip.image[..., :1]).all()
    masks = [mask for _, mask in strip.defects]
    assert all(mask.sum() >= 14 for mask in masks)
    assert not masks or np.sum(masks, axis=0).max() == 1


@pytest.mark.parametrize("name", STEEL_CLASSES)
def test_a_mask_holds_where_the_strip_changed_and_little_else(name):
    for seed in range(12):
        before = np.full(HW, np.float32(0.4))
        after = before.copy()
        mask = FLAWS[name](np.random.default_rng(seed), after)
        change = np.abs(after - before)
        if mask.any():
            assert change[mask].mean() > 4 * change[~mask].mean()
            assert change[mask].sum() > 0.5 * change.sum()


def test_kinds_are_as_frequent_as_asked_and_good_strips_too():
    strips = [draw_steel(np.random.default_rng(seed), CONFIG) for seed in range(400)]
    good = sum(not strip.defects for strip in strips) / len(strips)
    assert abs(good - CONFIG.good_share) < 0.08
    shown = Counter(name for strip in strips for name in {kind for kind, _ in strip.defects})
    assert [name for name, _ in shown.most_common()] == ["scratch", "patch", "inclusion", "pits"]
    assert 0.01 < shown["pits"] / len(strips) < 0.06


def test_what_lies_beside_the_strip_is_black_and_has_no_defect():
    ends = CONFIG.model_copy(update={"edge_share": 1.0, "good_share": 0.0, "max_noise": 0.001})
    for seed in range(20):
        strip = draw_steel(np.random.default_rng(seed), ends)
        beside = strip.image[..., 0] < 18
        assert beside.mean() > 0.05
        for _, mask in strip.defects:
            assert (mask & beside).sum() < 0.35 * mask.sum()  # a dark defect may be that dark itself


@pytest.fixture(scope="module")
def steel():
    return build_steel(CONFIG)


def test_the_dataset_is_complete_and_the_same_again(steel):
    again = build_steel(CONFIG)
    assert (again.annotations.to_coco(), again.images) == (steel.annotations.to_coco(), steel.images)
    records = steel.annotations.images
    assert Counter(record["split"] for record in records) == {"train": 40, "val": 6, "test": 10}
    assert {record["file_name"] for record in records} == set(steel.images)
    for record in records[:4]:
        image = decode_image(steel.images[record["file_name"]], name=record["file_name"], max_pixels=10**6)
        assert image.shape == (*HW, 3)
    for record in steel.annotations.objects:
        mask = decode_segmentation(record["segmentation"], HW)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        assert (record["bbox"], record["area"]) == ([float(value) for value in box], float(mask.sum()))


def test_an_image_stays_when_the_counts_change(steel):
    fewer = build_steel(CONFIG.model_copy(update={"train": 5, "val": 2, "test": 3}))
    assert all(steel.images[name] == content for name, content in fewer.images.items())


def test_noise_of_labels_touches_training_strips_alone_and_no_image(steel):
    noisy = build_steel(CONFIG.model_copy(update={"label_noise": 1.0}))
    assert noisy.images == steel.images

    def labels(dataset, split):
        ids = [record["id"] for record in dataset.annotations.images if record["split"] == split]
        found = {image_id: [] for image_id in ids}
        for record in dataset.annotations.objects:
            if record["image_id"] in found:
                found[record["image_id"]].append((record["category_id"], tuple(record["bbox"])))
        return found

    for split in ("val", "test"):
        assert labels(noisy, split) == labels(steel, split)
    true, wrong = labels(steel, "train"), labels(noisy, "train")
    for image_id, known in true.items():
        boxes = [box for _, box in known]
        assert [box for _, box in wrong[image_id] if box not in boxes] == []
        assert (wrong[image_id] != known) == bool(known)
    lost = sum(len(true[image_id]) - len(wrong[image_id]) for image_id in true)
    assert 0 < lost < sum(bool(known) for known in true.values())


def test_every_kind_has_its_frequency():
    with pytest.raises(ValidationError, match="expected shares of pits, inclusion, scratch, patch with the sum 1"):
        SteelWorldConfig.model_validate(CONFIG.model_dump() | {"frequencies": {"pits": 1.0}})
