"""Datasets that others made: health and splits say what is known of them, with and without the names of sources."""

import pytest

from gsam_edge.coco import SplitConfig, audit, complete, split, validate, validation_report
from gsam_edge.coco.health.cases import Inspected
from gsam_edge.coco.health.health import check_health, image_duplicates, split_findings
from gsam_edge.coco.health.table import HealthConfig

SPLIT = SplitConfig(train=0.7, val=0.15, test=0.15, group_by="auto", labels="all")
HEALTH = HealthConfig(
    near_duplicate_distance=28, smallest_image_side=8,
    smallest_box_side=8, duplicate_iou=0.9, mask_box_iou=0.7, fewest_objects_of_class=20,
    largest_imbalance=10, max_examples=5, policies={},
)  # fmt: skip


def run(content, files, configure, name):
    """The pipeline's way, without its files."""
    checked = validate(content, files, configure(decode_images=True), source=name)
    completed = complete(checked.annotations)
    annotations, duplicates = completed.annotations, image_duplicates(checked.image_facts, HEALTH)
    parts = split(annotations, SPLIT, seed=0, near_duplicates=duplicates["near"])
    found = {
        "health": check_health(annotations, duplicates, HEALTH).to_json(),
        "of_splits": split_findings(Inspected(annotations, duplicates, parts, duplicates["near"]), HEALTH),
    }
    findings = audit(checked, completed)
    report = validation_report(findings, annotations, parts, SPLIT, seed=0, duplicates=duplicates, teachers={}, **found)
    return report, parts


def counts(report):
    return {finding["code"]: finding["count"] for finding in report["findings"]}


def test_wagon_seals_with_and_without_the_names_of_its_photos(real, configure):
    content, files = real("wagon_seals")
    names = {image["id"]: image["extra"]["name"] for image in content["images"]}
    nameless = {**content, "images": [{k: v for k, v in i.items() if k != "extra"} for i in content["images"]]}
    splits = []
    for given in (content, nameless):
        report, parts = run(given, files, configure, "wagon_seals")
        assert counts(report) == {
            "category_unused": 1, "area_mismatch": 1151, "exact_duplicate": 87, "near_duplicate": 165, "tiny_box": 103,
        }  # fmt: skip
        assert (report["images_compared"], report["distinct_images"]) == (299, 134)
        assert report["image_modes"] == {"RGB": 299}
        assert (report["split"]["groups"], report["split"]["groups_of_several"]) == (134, 110)
        photos = [{names[image["id"]] for image in part.images} for part in parts.values()]
        assert sum(map(len, photos)) == len(set.union(*photos)) == 134
        assert sum(part["groups_kept_together"] for part in report["splits"].values()) == 110
        splits.append([[image["id"] for image in part.images] for part in parts.values()])
    assert splits[0] == splits[1]


FOUND_IN_BCCD = {"box_without_size": 2, "near_duplicate": 1, "overlapping_duplicate": 7, "class_imbalance": 2}


@pytest.mark.parametrize(
    ("name", "found", "modes"),
    [
        ("bccd", FOUND_IN_BCCD, {"RGB": 364}),
        ("dsb2018", {"tiny_box": 235}, {"RGBA": 61}),
        ("deeppcb", {}, {"L": 195, "RGB": 12}),
    ],
)
def test_others(real, configure, name, found, modes):
    report, _ = run(*real(name), configure, name)
    assert counts(report) == found
    assert report["image_modes"] == modes
