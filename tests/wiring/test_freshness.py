"""What is skipped as already there belongs to what it was made from."""

import os
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline, node

from gsam_edge.coco import Annotations
from gsam_edge.datasets.coco import AnnotationsDataset, RawCocoDataset
from gsam_edge.datasets.reports import ReportDataset
from gsam_edge.hooks import FreshnessHooks


def same(*values: Any) -> Any:
    return values[0]


PIPELINE = Pipeline(
    [
        node(same, "raw_annotations", "annotations_train", name="split"),
        node(same, "annotations_train", "label_report", name="label"),
        node(same, "label_report", "comparison", name="compare"),
    ]
)
TRAIN = Annotations(({"id": 1, "file_name": "a.png", "width": 1, "height": 1},), (), ({"id": 1, "name": "bag"},))


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    """Four files, each a second younger than the one it was made from."""
    (tmp_path / "annotations.json").write_text("{}")
    raw = RawCocoDataset(filepath=str(tmp_path / "annotations.json"))
    train = AnnotationsDataset(filepath=str(tmp_path / "train.json"))
    train.save(TRAIN.with_source(raw.digest()))
    reports = {name: ReportDataset(filepath=str(tmp_path / f"{name}.json")) for name in ("label_report", "comparison")}
    for report in reports.values():
        report.save({"figure": 1})
    touch(tmp_path, "annotations", "train", "label_report", "comparison")
    return DataCatalog({"raw_annotations": raw, "annotations_train": train, **reports})


def touch(folder: Path, *names: str) -> None:
    for second, name in enumerate(names):
        os.utime(folder / f"{name}.json", (1_000_000 + second, 1_000_000 + second))


def begin(catalog: DataCatalog, *, only_missing: bool = True) -> None:
    FreshnessHooks().before_pipeline_run({"only_missing_outputs": only_missing}, PIPELINE, catalog)


def test_what_is_up_to_date_may_be_skipped(catalog, tmp_path):
    begin(catalog)
    (tmp_path / "comparison.json").unlink()
    begin(catalog)


def test_a_result_older_than_its_source_is_refused(catalog, tmp_path):
    touch(tmp_path, "annotations", "train", "comparison", "label_report")
    with pytest.raises(DatasetError, match=r"comparison .*: expected one made from the present label_report"):
        begin(catalog)
    begin(catalog, only_missing=False)


def test_results_of_another_dataset_are_refused(catalog, tmp_path):
    (tmp_path / "annotations.json").write_text("{ }")
    with pytest.raises(DatasetError, match="annotations_train: expected a split of this dataset, got one of another"):
        begin(catalog)


def test_a_dataset_that_was_only_copied_is_the_same(catalog, tmp_path):
    touch(tmp_path, "train", "label_report", "comparison", "annotations")
    begin(catalog)
