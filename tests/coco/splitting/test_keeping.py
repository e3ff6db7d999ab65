"""Corrected labels leave the split of the images and its digest as they were; other images or shares do not."""

import dataclasses

import pytest

from gsam_edge.coco import split
from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.provenance import images_digest
from support.splits import dataset, ids, ratios

#: By the rarest class first: another class on one image moves images between the parts.
CLASSES = [{row % 3, row % 7 if row % 2 else 0} for row in range(40)]
OTHERS = [{(row * 5 + 1) % 3} for row in range(40)]


def read(classes, *, source, images="the same images", extras=None):
    """A dataset as `data_validation` reads it from one file."""
    value = dataset([*classes, set(range(7))], extras).with_source(source)
    return value.with_images_digest(images)


def digests(parts):
    return {part.split_digest for part in parts.values()}


def test_other_labels_would_be_split_otherwise():
    """What the rest of this page is about can be seen."""
    assert ids(split(read(CLASSES, source="a"), ratios(), seed=0)) != ids(
        split(read(OTHERS, source="b"), ratios(), seed=0)
    )


def test_corrected_labels_leave_every_image_in_its_part():
    store = {}
    before = split(read(CLASSES, source="a"), ratios(), seed=0, earlier=store)
    after = split(read(OTHERS, source="b"), ratios(), seed=0, earlier=store)
    assert ids(after) == ids(before)
    assert digests(after) == digests(before)
    assert {part.source for part in after.values()} == {"b"}


def test_ids_may_be_numbered_anew():
    store = {}
    value = read(CLASSES, source="a")
    before = split(value, ratios(), seed=0, earlier=store)
    names = {name: {value.image_by_id[i]["file_name"] for i in members} for name, members in ids(before).items()}
    new = read(OTHERS, source="b")
    images = tuple({**image, "id": 1000 + image["id"]} for image in reversed(new.images))
    objects = tuple({**record, "image_id": 1000 + record["image_id"]} for record in new.objects)
    after = split(dataclasses.replace(new, images=images, objects=objects), ratios(), seed=0, earlier=store)
    assert {name: {image["file_name"] for image in part.images} for name, part in after.items()} == names
    assert digests(after) == digests(before)


@pytest.mark.parametrize(
    ("config", "seed", "images", "near"),
    [
        (ratios(0.6, 0.2, 0.2), 0, "the same images", ()),
        (ratios(), 1, "the same images", ()),
        (ratios(), 0, "other images under these names", ()),
        (ratios(), 0, "the same images", [[0, 1]]),
    ],
    ids=["shares", "seed", "images", "near duplicates"],
)
def test_all_that_is_said_about_the_split_makes_it_anew(config, seed, images, near):
    store = {}
    before = split(read(CLASSES, source="a"), ratios(), seed=0, earlier=store)
    after = split(read(OTHERS, source="b", images=images), config, seed=seed, near_duplicates=near, earlier=store)
    assert ids(after) == ids(split(read(OTHERS, source="b", images=images), config, seed=seed, near_duplicates=near))
    assert digests(after) != digests(before)


def test_the_users_own_splits_are_followed_when_they_change():
    store, names = {}, ["train"] * 30 + ["val"] * 5 + ["test"] * 6
    own = {row: {"split": name} for row, name in enumerate(names)}
    moved = own | {0: {"split": "test"}}
    before = split(read(CLASSES, source="a", extras=own), ratios(), seed=0, earlier=store)
    assert ids(split(read(OTHERS, source="b", extras=own), ratios(), seed=0, earlier=store)) == ids(before)
    after = split(read(OTHERS, source="b", extras=moved), ratios(), seed=0, earlier=store)
    assert 0 in ids(after)["test"]
    assert digests(after) != digests(before)


def test_a_new_class_has_the_images_split_anew():
    """By the earlier labels no part may have any object of it, and no artefact of the earlier classes is of use."""
    store = {}
    split(read(CLASSES, source="a"), ratios(), seed=0, earlier=store)
    new = dataset([*OTHERS, set(range(8))]).with_source("b").with_images_digest("the same images")
    assert ids(split(new, ratios(), seed=0, earlier=store)) == ids(split(new, ratios(), seed=0))


def test_validation_and_test_split_stay_whatever_labels_are_used_after_a_correction():
    store, few = {}, ratios(labels={"count": 6})
    before = ids(split(read(CLASSES, source="a"), few, seed=0, earlier=store))
    assert ids(split(read(OTHERS, source="b"), few, seed=0, earlier=store)) == before
    after = ids(split(read(OTHERS, source="b"), ratios(labels={"count": 9}), seed=0, earlier=store))
    whole = ids(split(read(OTHERS, source="b"), ratios(), seed=0, earlier=store))
    for name in ("val", "test"):
        assert before[name] == after[name] == whole[name]
    assert len(after["train"]) == 9
    assert before["train"] | before["held_back"] == after["train"] | after["held_back"] == whole["train"]


def test_a_record_that_is_not_of_these_images_is_made_anew():
    store = {}
    before = split(read(CLASSES, source="a"), ratios(), seed=0, earlier=store)
    whole = dict(store)
    for key in store:
        store[key] = {"train": ["0000.png"], "val": [], "test": [], "held_back": []}
    assert ids(split(read(CLASSES, source="a"), ratios(), seed=0, earlier=store)) == ids(before)
    assert store == whole


class TestImagesDigest:
    IMAGES = tuple({"id": n, "file_name": f"{n}.png", "width": 4, "height": 4} for n in range(3))

    def facts(self, **bytes_of):
        return {n: ImageFacts(4, 4, "RGB", bytes_of.get(f"_{n}", f"sha {n}"), bytes(32)) for n in range(3)}

    def test_it_is_that_of_names_and_bytes(self):
        of = images_digest(self.IMAGES, self.facts())
        assert of == images_digest(self.IMAGES[::-1], self.facts())
        assert of == images_digest([{**image, "license": 3} for image in self.IMAGES], self.facts())
        assert of != images_digest(self.IMAGES, self.facts(_1="other bytes"))
        assert of != images_digest(self.IMAGES[:2], self.facts())

    def test_where_no_bytes_were_read_it_is_that_of_names_and_sizes(self):
        of = images_digest(self.IMAGES, {})
        assert of == images_digest(self.IMAGES[::-1], {})
        assert of != images_digest([{**image, "width": 5} for image in self.IMAGES], {})
