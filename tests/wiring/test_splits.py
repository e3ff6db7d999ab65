"""An empty split ends the run before hours are spent, and only where somebody needs it."""

from typing import Any

import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset, Version
from kedro.pipeline import Pipeline, node

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.provenance import with_split_digest
from gsam_edge.datasets.coco import AnnotationsDataset, RawCocoDataset
from gsam_edge.hooks import InputHooks

FILLED = Annotations(({"id": 1, "file_name": "a.png", "width": 1, "height": 1},), (), ({"id": 1, "name": "bag"},))
EMPTY = FILLED.subset([])


def identity(value: Any) -> Any:
    return value


def make(name: str) -> Any:
    return node(identity, inputs="checked", outputs=name, name=f"make_{name}")


def use(name: str, output: str = "curve") -> Any:
    return node(identity, inputs=name, outputs=output, name=f"use_{name}")


def hooks_of(*nodes: Any) -> InputHooks:
    hooks = InputHooks()
    hooks.before_pipeline_run({}, Pipeline(nodes), DataCatalog({"checked": MemoryDataset(FILLED)}))
    return hooks


def test_an_empty_split_that_is_needed_ends_the_run() -> None:
    hooks = hooks_of(make("annotations_test"), use("annotations_test"))
    hooks.after_dataset_saved("annotations_test", FILLED)
    with pytest.raises(DatasetError, match=r"annotations_test: expected images for use_annotations_test.*split\.test"):
        hooks.after_dataset_saved("annotations_test", EMPTY)


def test_an_empty_split_that_nobody_needs_is_fine() -> None:
    hooks = hooks_of(make("annotations_val"), use("annotations_val", "validation_report"))
    hooks.after_dataset_saved("annotations_val", EMPTY)
    hooks.after_dataset_saved("curve", EMPTY)


def test_a_pool_of_before_labels_were_corrected_is_still_the_pool(tmp_path) -> None:
    """It has no labels; a split of before, or a pool beside other splits, is of another dataset."""
    (tmp_path / "annotations.json").write_text("{}")
    raw = RawCocoDataset(filepath=str(tmp_path / "annotations.json"))
    train = with_split_digest({"train": FILLED.with_images_digest("images").with_source(raw.digest())})["train"]
    before = with_split_digest({"train": FILLED.with_images_digest("images").with_source("of before")})["train"]
    others = with_split_digest({"train": FILLED.with_images_digest("other images").with_source("of before")})["train"]
    run = Pipeline([node(lambda *_: 1, ["annotations_train", "annotations_pool"], "labels", name="label")])

    def begin(train: Annotations, pool: Annotations) -> None:
        parts = {"annotations_train": MemoryDataset(train), "annotations_pool": MemoryDataset(pool)}
        InputHooks().before_pipeline_run({}, run, DataCatalog({"raw_annotations": raw, **parts}))

    begin(train, before)
    with pytest.raises(DatasetError, match="annotations_pool: expected a split of"):
        begin(train, others)
    with pytest.raises(DatasetError, match="annotations_train: expected a split of"):
        begin(before, before)


def test_parts_of_two_splits_of_one_dataset_are_refused(tmp_path) -> None:
    """As after a kill between two of them: images of the new validation split would be in the training split."""
    (tmp_path / "annotations.json").write_text("{}")
    raw = RawCocoDataset(filepath=str(tmp_path / "annotations.json"))
    known = FILLED.with_images_digest("images").with_source(raw.digest())
    one, other = (with_split_digest(parts) for parts in ({"train": known, "val": known}, {"val": known}))
    run = Pipeline([node(lambda *_: 1, ["annotations_train", "annotations_val"], "adapter", name="tune")])

    def begin(val: Annotations) -> None:
        parts = {"annotations_train": MemoryDataset(one["train"]), "annotations_val": MemoryDataset(val)}
        InputHooks().before_pipeline_run({}, run, DataCatalog({"raw_annotations": raw, **parts}))

    begin(one["val"])
    with pytest.raises(InvalidDatasetError, match="annotations_val: expected a part of the same split"):
        begin(other["val"])


def test_a_split_that_was_written_in_part_is_none(tmp_path, recwarn: pytest.WarningsRecorder) -> None:
    def part(name: str, version: str | None = None) -> AnnotationsDataset:
        names = ("train.json", "val.json")
        return AnnotationsDataset(filepath=str(tmp_path / f"{name}.json"), parts=names, version=Version(None, version))

    assert not part("train").exists()
    for name in ("train", "val"):
        part(name, "2026-01-01").save(FILLED)
    being_written = part("train", "2026-01-02")
    being_written.save(EMPTY)
    assert being_written.load() == EMPTY
    assert [part(name).load() for name in ("train", "val")] == [FILLED, FILLED]
    part("val", "2026-01-02").save(EMPTY)
    assert [part(name).load() for name in ("train", "val")] == [EMPTY, EMPTY]
    assert list(recwarn) == []
