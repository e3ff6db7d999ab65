"""Datasets that others made: the reports say what is known of them."""

import time

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from gsam_edge.coco import SplitConfig, audit, complete, split, validate, validation_report
from gsam_edge.coco.geometry.segmentation import segmentation_area
from gsam_edge.teachers.table import TeacherChoice

CONFIG = SplitConfig(train=0.7, val=0.15, test=0.15, group_by="auto", labels="all")


def run(real, config, name):
    content, files = real(name)
    validation = validate(content, files, config, source=name)
    completion = complete(validation.annotations)
    parts = split(completion.annotations, CONFIG, seed=0)
    needs = TeacherChoice(finder="grounding_dino", outliner="sam").needs(completion.annotations)
    findings = audit(validation, completion)
    return validation_report(findings, completion.annotations, parts, CONFIG, seed=0, teachers=needs), parts


def findings(report):
    return {(finding["code"], finding["policy"]): finding["count"] for finding in report["findings"]}


def test_wagon_seals(real, config):
    report, parts = run(real, config, "wagon_seals")
    assert report["images"] == {"in": 299, "kept": 299, "fixed": 0, "dropped": 0}
    assert report["annotations"] == {"in": 1151, "kept": 0, "fixed": 1151, "dropped": 0}
    # A placeholder class; `area` is everywhere the box's.
    assert findings(report) == {("category_unused", "drop"): 1, ("area_mismatch", "fix"): 1151}
    assert report["class_mapping"] == {"0": "gunny_bag", "1": "wire"}
    assert (report["has_boxes"], report["has_masks"]) == (True, True)
    assert report["split"]["group_by"] == "extra.name"
    assert report["split"]["groups"] == 134
    sources = [{image["extra"]["name"] for image in part.images} for part in parts.values()]
    assert len(set.union(*sources)) == sum(map(len, sources)) == 134


def test_bccd(real, config):
    report, _ = run(real, config, "bccd")
    assert report["images"] == {"in": 364, "kept": 364, "fixed": 0, "dropped": 0}
    assert report["annotations"] == {"in": 4888, "kept": 4886, "fixed": 0, "dropped": 2}
    assert findings(report) == {("box_without_size", "drop"): 2}
    assert [example["id"] for example in report["findings"][0]["examples"]] == [3153, 3197]
    assert (report["has_boxes"], report["has_masks"]) == (True, False)
    assert report["teachers"]["sam"] == {"needed": False, "why": "the annotations hold no masks"}
    assert report["statistics"]["share_per_class"]["RBC"] == pytest.approx(0.85, abs=0.005)


def test_dsb2018(real, config):
    report, _ = run(real, config, "dsb2018")
    assert report["images"] == {"in": 61, "kept": 61, "fixed": 0, "dropped": 0}
    assert report["annotations"] == {"in": 2694, "kept": 2694, "fixed": 0, "dropped": 0}
    assert report["completed"] == {"boxes": 2694, "areas": 0}
    assert (report["has_boxes"], report["has_masks"]) == (False, True)
    assert report["teachers"]["grounding_dino"] == {"needed": False, "why": "the annotations hold no boxes"}


def test_deeppcb(real, configure):
    report, _ = run(real, configure(decode_images=True), "deeppcb")
    assert report["images"] == {"in": 207, "kept": 207, "fixed": 0, "dropped": 0}
    assert report["annotations"] == {"in": 1305, "kept": 1305, "fixed": 0, "dropped": 0}
    assert len(report["class_mapping"]) == 6
    assert report["split"]["largest_deviation"] < 0.1


@pytest.mark.parametrize("name", ["wagon_seals", "dsb2018"])
def test_areas_and_boxes_are_those_of_pycocotools(real, name):
    content, _ = real(name)
    sizes = {image["id"]: (image["height"], image["width"]) for image in content["images"]}
    for record in content["annotations"]:
        image_hw, segmentation = sizes[record["image_id"]], record["segmentation"]
        rle = segmentation
        if isinstance(segmentation, list):
            rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, *image_hw))
        area, xywh = segmentation_area(segmentation, image_hw)
        assert area == coco_mask.area(rle)
        np.testing.assert_array_equal(xywh, coco_mask.toBbox(rle))


@pytest.mark.parametrize("name", ["wagon_seals", "dsb2018"])
def test_a_dataset_is_read_in_seconds(real, config, name):
    """Processor time, which other work on the machine does not stretch as it does the clock."""
    started = time.process_time()
    run(real, config, name)
    assert time.process_time() - started < 3
