"""Which training images keep their labels: stratified, nested, groups whole, every class while there is room."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.coco import InvalidDatasetError, split
from gsam_edge.coco.health.splits import missing_classes
from gsam_edge.coco.provenance import HELD_BACK
from support.splits import dataset, ids, ratios


def kept(value, labels, *, seed=0, near_duplicates=(), group_by="auto"):
    """Returns the ids of the training images that keep their labels, with all other images held back."""
    config = ratios(1, 0, 0, group_by=group_by, labels=labels)
    parts = ids(split(value, config, seed=seed, near_duplicates=near_duplicates))
    assert parts["train"] | parts[HELD_BACK] == set(value.image_by_id)
    assert not parts["train"] & parts[HELD_BACK]
    return parts["train"]


@given(st.lists(st.sets(st.integers(0, 4)), min_size=2, max_size=50), st.integers(0, 3), st.data())
def test_few_labels_lie_among_more_and_show_every_class_that_they_can(classes_of_images, seed, data):
    value = dataset(classes_of_images)
    fewer = data.draw(st.integers(1, len(classes_of_images)))
    more = data.draw(st.integers(fewer, len(classes_of_images)))
    few, many = kept(value, {"count": fewer}, seed=seed), kept(value, {"count": more}, seed=seed)
    assert (len(few), len(many)) == (fewer, more)
    assert few <= many
    shown = set().union(*(classes_of_images[i] for i in few))
    present = set().union(*classes_of_images)
    assert shown == present or all(classes_of_images[i] for i in few)  # no label is spent on nothing while one lacks


def test_the_labels_that_are_kept_have_each_class_by_its_share():
    """Three classes in 60, 30 and 10 of 100 images, and a fifth of the images."""
    value = dataset([{0}] * 60 + [{1}] * 30 + [{2}] * 10)
    for seed in range(5):
        few = kept(value, {"share": 0.2}, seed=seed)
        counts = [sum(low <= i < high for i in few) for low, high in ((0, 60), (60, 90), (90, 100))]
        assert sum(counts) == 20
        assert counts == pytest.approx([12, 6, 2], abs=1)


def test_the_seed_draws_and_the_order_of_the_file_does_not():
    value = dataset([{i % 3} for i in range(40)])
    draws = [kept(value, {"count": 8}, seed=seed) for seed in range(4)]
    assert len({frozenset(draw) for draw in draws}) > 1
    turned = replace(value, images=value.images[::-1], objects=value.objects[::-1], categories=value.categories[::-1])
    assert kept(turned, {"count": 8}, seed=1) == draws[1]


def test_near_duplicates_keep_or_lose_their_labels_together():
    value = dataset([{i % 2} for i in range(24)])
    copies = [[i, i + 1, i + 2] for i in range(0, 12, 3)]
    for count in range(1, 25):
        few = kept(value, {"count": count}, near_duplicates=copies)
        assert count - 3 < len(few) <= count
        assert all(len(few & set(group)) in (0, 3) for group in copies)


def test_labels_are_held_back_from_the_training_images_alone():
    value = dataset([{i % 2} for i in range(40)])
    everything, some = split(value, ratios(), seed=0), split(value, ratios(labels={"count": 5}), seed=0)
    whole = ids(some)
    assert (whole["val"], whole["test"]) == (ids(everything)["val"], ids(everything)["test"])
    assert whole["train"] | whole[HELD_BACK] == ids(everything)["train"]
    assert len(some["train"].images) == 5
    assert some[HELD_BACK].split_digest == some["train"].split_digest != everything["train"].split_digest
    assert some[HELD_BACK].objects


def test_ready_made_splits_hold_back_too():
    value = dataset([{0}] * 9, {i: {"split": "val" if i < 3 else "train"} for i in range(9)})
    assert len(ids(split(value, ratios(labels={"share": 0.5}), seed=0))["train"]) == 3


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"count": 5}, "split.labels.count: expected at most 4, the images of the training split, got 5"),
        ({"count": 1}, r"split.labels: expected at least as many images as belong together, 2 in the smallest.*got 1"),
    ],
)
def test_labels_that_there_are_not_are_refused(labels, message):
    with pytest.raises(InvalidDatasetError, match=message):
        kept(dataset([{0}] * 4), labels, near_duplicates=[[0, 1], [2, 3]])


@pytest.mark.parametrize("labels", ["some", {"count": 0}, {"share": 0}, {"share": 1.5}, {"count": 2, "share": 0.5}, 20])
def test_other_wishes_are_refused(labels):
    """One sentence says what may be given, not one for each of the three forms."""
    with pytest.raises(ValidationError, match=f"expected all, .*got {re.escape(repr(labels))}") as refused:
        ratios(labels=labels)
    assert [error["loc"] for error in refused.value.errors()] == [("labels",)]


def test_a_class_that_only_held_back_images_lack_is_no_finding():
    """Nobody learns from their labels; one that the used labels lack is."""
    value = dataset([{0}, {0}, {1}])
    parts = {"train": value.subset([0, 2]), HELD_BACK: value.subset([1])}
    assert missing_classes(parts).count == 0
    assert missing_classes({"train": value.subset([0, 1]), HELD_BACK: value.subset([2])}).count == 1
