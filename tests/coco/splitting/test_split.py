"""Shares that add up, groups that stay together, outcomes that do not depend on chance."""

import dataclasses
import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.coco import Annotations, InvalidDatasetError, group_images, split
from gsam_edge.coco.splitting.grouping import related_images
from support.splits import dataset, ids, ratios


@given(st.lists(st.sets(st.integers(0, 4)), min_size=3, max_size=60), st.integers(0, 5), st.randoms())
def test_parts_are_disjoint_whole_filled_and_independent_of_order(classes_of_images, seed, shuffler):
    value = dataset(classes_of_images)
    parts = split(value, ratios(), seed=seed)
    assert list(parts) == ["train", "val", "test", "held_back"]
    assert not parts["held_back"].images
    assert sum(len(part.images) for part in parts.values()) == len(value.images)
    assert set.union(*ids(parts).values()) == set(value.image_by_id)
    assert all(parts[name].images for name in ("train", "val", "test"))
    assert all(part.categories == value.categories for part in parts.values())
    images, objects = list(value.images), list(value.objects)
    shuffler.shuffle(images)
    shuffler.shuffle(objects)
    shuffled = dataclasses.replace(value, images=tuple(images), objects=tuple(objects))
    assert ids(split(shuffled, ratios(), seed=seed)) == ids(parts)


@given(st.lists(st.sets(st.integers(0, 4)), min_size=3, max_size=40), st.integers(0, 5), st.permutations(range(5)))
def test_parts_do_not_depend_on_the_order_of_the_categories(classes_of_images, seed, order):
    value = dataset([*classes_of_images, set(range(5))])
    swapped = dataclasses.replace(value, categories=tuple(value.categories[c] for c in order))
    assert ids(split(swapped, ratios(), seed=seed)) == ids(split(value, ratios(), seed=seed))


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
        with pytest.raises(InvalidDatasetError, match=r"expected at least 3 groups of images by 'extra.name'"):
            split(value, ratios(), seed=seed)
        return
    found = ids(split(value, ratios(), seed=seed))
    for source in set(sources):
        members = {row for row, s in enumerate(sources) if s == source}
        assert sum(bool(members & part) for part in found.values()) == 1


def test_the_choice_of_groups_is_said():
    plain = dataset([{0}] * 4)
    assert (
        group_images(plain, "auto").why == "each image by itself: none carries extra.name, no near duplicates are known"
    )
    copies = dataset([{0}] * 4, {0: {"extra": {"name": "x"}}, 2: {"extra": {"name": "x"}}})
    grouping = group_images(copies, "auto")
    assert (grouping.key, len(grouping.groups), grouping.without_key) == ("extra.name", 3, 2)
    assert group_images(copies, "none").key is None
    assert len(group_images(copies, "none").groups) == 4
    assert len(group_images(dataset([{0}] * 4, {0: {"day": 1}, 1: {"day": [1]}, 3: {"day": 1}}), "day").groups) == 3


def test_a_blank_value_is_none():
    """Exporters write the key into every record, also where they have nothing to say."""
    blank = dataset([{0}] * 4, {row: {"extra": {"name": " " * row}} for row in range(4)})
    assert len(group_images(blank, "auto").groups) == 4
    assert group_images(blank, "auto").key is None
    assert len(group_images(dataset([{0}] * 4), r"file_name:^000([12]?)").groups) == 4
    with pytest.raises(InvalidDatasetError, match=r"expected a key that images carry, got 'extra\.name'"):
        group_images(blank, "extra.name")


def test_a_key_that_nobody_carries_is_an_error():
    with pytest.raises(
        InvalidDatasetError, match=r"group_by: expected a key that images carry, got 'extra.nme'.*file_name"
    ):
        split(dataset([{0}] * 4), ratios(group_by="extra.nme"), seed=0)


def test_too_few_images_are_an_error():
    with pytest.raises(InvalidDatasetError, match="expected at least 3 images, for train, val, test, got 2"):
        split(dataset([{0}] * 2), ratios(), seed=0)


def test_a_ratio_of_0_gives_an_empty_part():
    parts = split(dataset([{0}] * 10), ratios(0.8, 0.2, 0.0), seed=0)
    assert [len(part.images) for part in parts.values()] == [8, 2, 0, 0]


@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.2), (0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_do_not_add_up_are_refused(shares):
    with pytest.raises(ValidationError, match=r"train \+ val \+ test = 1|less than or equal to 1"):
        ratios(*shares)


@pytest.mark.parametrize(
    ("train", "val", "left"), [(0.8, 0.2, 0.0), (0.7, 0.15, 0.15), (0.8, 0.0, 0.2), (1.0, 0.0, 0.0)]
)
def test_test_takes_what_the_others_leave(train, val, left):
    assert ratios(train, val, None).ratios == {"train": train, "val": val, "test": left}


def test_more_than_all_is_refused_whatever_is_left():
    with pytest.raises(ValidationError, match=r"got 0\.9 \+ 0\.2 \+ 0 = 1\.1; a share that is not named"):
        ratios(0.9, 0.2, None)


@given(st.lists(st.lists(st.integers(0, 29), min_size=1, max_size=4), max_size=8), st.integers(0, 3))
def test_near_duplicates_never_straddle_two_parts(copies, seed):
    """With a key beside them; what is joined through a third image stays together too."""
    value = dataset([{row % 3} for row in range(30)], {row: {"day": row // 3} for row in range(30)})
    grouping = group_images(value, "day", copies)
    if len(grouping.groups) < 3:
        with pytest.raises(InvalidDatasetError, match="expected at least 3 groups of images by 'day'"):
            split(value, ratios(group_by="day"), seed=seed, near_duplicates=copies)
        return
    found = ids(split(value, ratios(group_by="day"), seed=seed, near_duplicates=copies))
    for group in [*copies, *([row, row + 1, row + 2] for row in range(0, 30, 3))]:
        assert sum(bool(part & set(group)) for part in found.values()) == 1


def test_near_duplicates_are_parted_only_where_nothing_is_grouped():
    value = dataset([{0}] * 4)
    assert group_images(value, "auto", [[0, 1], [2, 99]]).groups == [[0, 1], [2], [3]]
    assert group_images(value, "auto", [[0, 1], [2, 99]]).why == "near duplicates stay together (groups: 1)"
    assert len(group_images(value, "none", [[0, 1]]).groups) == 4
    assert related_images(value, "none", [[0, 1]]) == [[0, 1]]


def test_a_part_of_the_file_name_groups():
    value = dataset([{0}] * 20)  # 0000.png to 0019.png
    assert len(group_images(value, r"file_name:^(\d{3})").groups) == 2
    assert len(group_images(value, r"file_name:00[01]").groups) == 2
    with pytest.raises(
        InvalidDatasetError, match=r"group_by: expected a regular expression that file names match.*'0000.png'"
    ):
        group_images(value, "file_name:^(frame)")
    with pytest.raises(InvalidDatasetError, match=r"group_by: expected a regular expression, got '\('"):
        group_images(value, "file_name:(")


@pytest.mark.parametrize("shares", [(1, 0, 0), (0.8, 0.2, 0), (0.8, 0, 0.2), (0, 0, 1)])
def test_any_subset_of_the_splits(shares):
    parts = split(dataset([{0}] * 10), ratios(*shares), seed=0)
    assert [len(part.images) for part in parts.values()] == [*(round(10 * share) for share in shares), 0]


def test_ready_made_splits_are_taken_over():
    names = ["train", "Training", "valid", "val", "test"]
    value = dataset([{0}] * 5, {row: {"split": name} for row, name in enumerate(names)})
    assert ids(split(value, ratios(), seed=0)) == {
        "train": {0, 1}, "val": {2, 3}, "test": {4}, "held_back": set(),
    }  # fmt: skip
    assert len(ids(split(value, ratios(1, 0, 0, ready_made="none"), seed=0))["train"]) == 5
    folders = Annotations(
        tuple(
            {**image, "file_name": f"{part}/x{image['id']}.png"}
            for image, part in zip(value.images, names, strict=True)
        ),
        value.objects,
        value.categories,
    )
    assert ids(split(folders, ratios(ready_made="file_name:^([^/]+)/"), seed=0))["val"] == {2, 3}


def test_a_ready_made_split_may_hold_labels_back():
    """They are in no other split, and labels that `labels` leaves unused join them."""
    names = ["train", "train", "held_back", "val", "test", "held_back"]
    value = dataset([{0}] * 6, {row: {"split": name} for row, name in enumerate(names)})
    parts = ids(split(value, ratios(), seed=0))
    assert parts == {"train": {0, 1}, "val": {3}, "test": {4}, "held_back": {2, 5}}
    parts = ids(split(value, ratios(labels={"count": 1}), seed=0))
    assert len(parts["train"]) == 1
    assert parts["held_back"] == {0, 1, 2, 5} - parts["train"]


@pytest.mark.parametrize(
    ("extras", "message"),
    [
        ({0: {"split": "train"}, 1: {"split": "test"}}, "got None for '0002.png'; set split.ready_made=none"),
        ({0: {"split": "train"}, 1: {"split": 7}, 2: {"split": "val"}}, "expected train, val or test .*got 7"),
        (
            {row: {"split": "test"} for row in range(3)},
            "expected images to train on by 'split', got train 0, val 0, test 3",
        ),
    ],
)
def test_half_made_splits_are_refused(extras, message):
    with pytest.raises(InvalidDatasetError, match=message):
        split(dataset([{0}] * 3, extras), ratios(), seed=0)


def test_a_large_dataset_is_split_in_seconds():
    """120,000 images, 80 classes, of which the rarest has some ten."""
    rng = np.random.default_rng(0)
    count, frequency = 120_000, 1 / np.arange(1, 81) ** 1.5
    images = tuple({"id": row, "file_name": f"{row:06}.jpg", "height": 8, "width": 8} for row in range(count))
    value = Annotations(images, (), tuple({"id": c, "name": f"class {c}"} for c in range(80)))
    counts = rng.poisson(frequency / 4, (count, 80)).astype(np.int32)
    vars(value)["image_class_counts"] = counts
    started = time.process_time()
    parts = split(value, ratios(), seed=0, near_duplicates=[[row, row + 1] for row in range(0, count, 10)])
    assert time.process_time() - started < 5
    shown = (counts > 0).sum(axis=0)
    for name, ratio in ratios().ratios.items():
        rows = sorted(ids(parts)[name])
        assert np.abs((counts[rows] > 0).sum(axis=0) - ratio * shown).max() <= 20
