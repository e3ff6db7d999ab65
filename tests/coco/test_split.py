"""Shares that add up, groups that stay together, outcomes that do not depend on chance."""

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.coco import Annotations, DatasetError, SplitConfig, group_images, split


def dataset(classes_of_images, extras=None):
    """Images with one object of each class listed."""
    num_classes = max((c for classes in classes_of_images for c in classes), default=0) + 1
    images = tuple(
        {"id": row, "file_name": f"{row:04}.png", "height": 8, "width": 8, **((extras or {}).get(row, {}))}
        for row in range(len(classes_of_images))
    )
    objects = [
        {"image_id": row, "category_id": c, "bbox": [0, 0, 2, 2]}
        for row, classes in enumerate(classes_of_images)
        for c in classes
    ]
    numbered = tuple({"id": row, **record} for row, record in enumerate(objects))
    return Annotations(images, numbered, tuple({"id": c, "name": f"class {c}"} for c in range(num_classes)))


def ratios(train=0.7, val=0.15, test=0.15, group_by="auto"):
    return SplitConfig(train=train, val=val, test=test, group_by=group_by)


def ids(parts):
    return {name: {image["id"] for image in part.images} for name, part in parts.items()}


@given(st.lists(st.sets(st.integers(0, 4)), min_size=3, max_size=60), st.integers(0, 5), st.randoms())
def test_parts_are_disjoint_whole_filled_and_independent_of_order(classes_of_images, seed, shuffler):
    value = dataset(classes_of_images)
    parts = split(value, ratios(), seed=seed)
    assert list(parts) == ["train", "val", "test"]
    assert sum(len(part.images) for part in parts.values()) == len(value.images)
    assert set.union(*ids(parts).values()) == set(value.image_by_id)
    assert all(part.images for part in parts.values())
    assert all(part.categories == value.categories for part in parts.values())
    images, objects = list(value.images), list(value.objects)
    shuffler.shuffle(images)
    shuffler.shuffle(objects)
    shuffled = dataclasses.replace(value, images=tuple(images), objects=tuple(objects))
    assert ids(split(shuffled, ratios(), seed=seed)) == ids(parts)


def test_seeds_differ_and_repeat():
    value = dataset([{row % 3} for row in range(60)])
    assert ids(split(value, ratios(), seed=1)) == ids(split(value, ratios(), seed=1))
    assert ids(split(value, ratios(), seed=1)) != ids(split(value, ratios(), seed=2))


def test_every_class_is_shared_out_by_the_ratios():
    """Classes of very different frequency, several in an image; the rarest has 20 images."""
    rng = random.Random(0)  # noqa: S311
    frequencies = {0: 0.8, 1: 0.4, 2: 0.1, 3: 0.05}
    drawn = [{c for c, f in frequencies.items() if rng.random() < f} for _ in range(400)]
    value = dataset(drawn)
    parts = split(value, ratios(), seed=0)
    for class_id in frequencies:
        total = sum(class_id in classes for classes in drawn)
        for name, ratio in ratios().ratios.items():
            got = sum(class_id in drawn[image_id] for image_id in ids(parts)[name])
            assert got == pytest.approx(ratio * total, abs=2), (class_id, name)
    empty = [row for row, classes in enumerate(drawn) if not classes]
    assert sum(row in ids(parts)["test"] for row in empty) == pytest.approx(0.15 * len(empty), abs=2)


@given(st.lists(st.integers(0, 9), min_size=20, max_size=60), st.integers(0, 3))
def test_groups_never_straddle_two_parts(sources, seed):
    value = dataset(
        [{row % 2} for row in range(len(sources))], {r: {"extra": {"name": s}} for r, s in enumerate(sources)}
    )
    if len(set(sources)) < 3:
        with pytest.raises(DatasetError, match=r"expected at least 3 groups of images by 'extra.name'"):
            split(value, ratios(), seed=seed)
        return
    found = ids(split(value, ratios(), seed=seed))
    for source in set(sources):
        members = {row for row, s in enumerate(sources) if s == source}
        assert sum(bool(members & part) for part in found.values()) == 1


def test_the_choice_of_groups_is_said():
    plain = dataset([{0}] * 4)
    assert group_images(plain, "auto").why == "each image by itself: none carries extra.name"
    copies = dataset([{0}] * 4, {0: {"extra": {"name": "x"}}, 2: {"extra": {"name": "x"}}})
    grouping = group_images(copies, "auto")
    assert (grouping.key, len(grouping.groups), grouping.without_key) == ("extra.name", 3, 2)
    assert group_images(copies, "none").key is None
    assert len(group_images(copies, "none").groups) == 4
    assert len(group_images(dataset([{0}] * 4, {0: {"day": 1}, 1: {"day": [1]}, 3: {"day": 1}}), "day").groups) == 3


def test_a_key_that_nobody_carries_is_an_error():
    with pytest.raises(DatasetError, match=r"group_by: expected a key that images carry, got 'extra.nme'.*file_name"):
        split(dataset([{0}] * 4), ratios(group_by="extra.nme"), seed=0)


def test_too_few_images_are_an_error():
    with pytest.raises(DatasetError, match="expected at least 3 images, for train, val, test, got 2"):
        split(dataset([{0}] * 2), ratios(), seed=0)


def test_a_ratio_of_0_gives_an_empty_part():
    parts = split(dataset([{0}] * 10), ratios(0.8, 0.2, 0.0), seed=0)
    assert [len(part.images) for part in parts.values()] == [8, 2, 0]


@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.2), (0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_do_not_add_up_are_refused(shares):
    with pytest.raises(ValidationError, match=r"train \+ val \+ test = 1|less than or equal to 1"):
        ratios(*shares)
