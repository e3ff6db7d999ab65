"""Figures and reports, and which teachers follow from them."""

import json
from io import StringIO

import pytest
from rich.console import Console

from gsam_edge.coco import Annotations, SplitConfig, audit, complete, split, statistics, validate, validation_report
from gsam_edge.coco.needs import Need, is_not_needed, not_needed
from gsam_edge.report.console import validation_summary
from support.splits import dataset, ratios

CONFIG = SplitConfig(train=0.34, val=0.33, test=0.33, group_by="auto", labels="all")


def test_statistics_count_what_is_there(content):
    content["images"].append({"id": 8, "file_name": "d.png", "height": 40, "width": 50})
    content["annotations"].append({**content["annotations"][1], "id": 9, "iscrowd": 1})
    figures = statistics(Annotations.from_coco(content))
    assert figures["images"] == 4
    assert figures["annotations"] == 5
    assert figures["images_without_annotations"] == 1
    assert figures["per_class"] == {"bag": 2, "wire": 2}  # crowds are no objects
    assert figures["images_per_class"] == {"bag": 2, "wire": 2}
    assert figures["share_per_class"] == pytest.approx({"bag": 0.5, "wire": 0.5})
    assert figures["crowds"] == 1
    assert figures["masks"] == 3
    assert figures["annotations_per_image"]["max"] == 3
    assert figures["box_width"]["max"] == 10.25
    assert figures["box_share"]["max"] == pytest.approx(205 / 2000)


def test_statistics_of_nothing_are_absent(content):
    figures = statistics(Annotations.from_coco(content).subset([]))
    assert figures == {
        "images": 0, "annotations": 0, "images_without_annotations": 0, "per_class": {"bag": 0, "wire": 0},
        "images_per_class": {"bag": 0, "wire": 0},
    }  # fmt: skip


def test_the_report_says_everything_in_json(content, files, config):
    validation = validate(content, files(), config, source="file")
    completion = complete(validation.annotations)
    findings = json.loads(json.dumps(audit(validation, completion)))
    parts = split(completion.annotations, CONFIG, seed=3)
    teachers = {"a finder": Need(True, "3 of 4 objects have a box of their own")}
    report = validation_report(findings, completion.annotations, parts, CONFIG, seed=3, teachers=teachers)
    assert json.loads(json.dumps(report)) == report
    assert report["images"] == {"in": 3, "kept": 3, "fixed": 0, "dropped": 0}
    assert report["annotations"] == {"in": 4, "kept": 4, "fixed": 0, "dropped": 0}
    assert report["completed"] == {"boxes": 1, "areas": 2}
    assert report["class_mapping"] == {"0": "bag", "1": "wire"}
    assert (report["has_boxes"], report["has_masks"]) == (True, True)
    assert report["teachers"] == {"a finder": {"needed": True, "why": "3 of 4 objects have a box of their own"}}
    assert {name: part["images"] for name, part in report["splits"].items()} == {"train": 1, "val": 1, "test": 1}
    assert any("classes_missing" in part for part in report["splits"].values())
    assert report["split"]["group_by"] == "extra.name"
    assert report["split"]["images_without_key"] == 2
    assert 0 <= report["split"]["largest_deviation"] <= 1


def test_what_is_not_needed_says_why():
    value = not_needed("the annotations hold no boxes")
    assert value == {"status": "not needed", "why": "the annotations hold no boxes"}
    assert is_not_needed(value)
    assert not is_not_needed({"status": "tuned"})
    assert not is_not_needed(None)


def test_what_is_held_back_is_told_apart(content, files, config):
    """Its figures stand beside those of the splits; the split's shares are then judged as they came out."""
    value, shares = dataset([{i % 2} for i in range(40)]), ratios(labels={"count": 8})
    parts = split(value, shares, seed=0)
    validation = validate(content, files(), config, source="file")
    findings = audit(validation, complete(validation.annotations))
    report = validation_report(findings, value, parts, shares, seed=0, teachers={})
    assert {name: part["images"] for name, part in report["splits"].items()} == {
        "train": 8, "val": 6, "test": 6, "held_back": 20,
    }  # fmt: skip
    assert report["split"]["labels"] == {"count": 8}
    assert report["split"]["largest_deviation"] < 0.1
    console = Console(width=120, record=True, file=StringIO())
    console.print(validation_summary(report))
    text = " ".join(console.export_text().split())
    assert "held_back 20 50.0%" in text
    assert "held_back: training images whose labels are not used" in text
