"""hotcoco's figures, curves and matches are those of pycocotools, to 1e-9 (docs/adr/0030)."""

import contextlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from gsam_edge.coco.geometry.segmentation import segmentation_to_rle
from gsam_edge.metrics.coco.engine import AREAS, CocoEngine
from gsam_edge.metrics.coco.shapes import Shapes
from gsam_edge.metrics.resampling import IOUS_50_95

GOLDEN = Path(__file__).parents[3].parent / "shared" / "data" / "eval_golden"
SIDE = 200


def reference(truth, results, iou_type):
    """pycocotools' evaluation, whose figures stand in `eval` and `stats`, and whose matches in `evalImgs`."""
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for records in (truth["annotations"], results):
            coco = COCO()
            numbered = [{**record, "id": number} for number, record in enumerate(records, start=1)]
            coco.dataset = {"images": truth["images"], "categories": truth["categories"], "annotations": numbered}
            coco.createIndex()
            sides.append(coco)
        evaluation = COCOeval(*sides, iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def ours(truth, results, iou_type):
    return CocoEngine(
        truth["images"],
        truth["categories"],
        Shapes.of_records(truth["annotations"], iou_type, found=False),
        Shapes.of_records(results, iou_type, found=True),
        iou_type,
    )


def assert_equal(truth, results, iou_type):
    expected, engine = reference(truth, results, iou_type), ours(truth, results, iou_type)
    np.testing.assert_allclose(engine.precision, expected.eval["precision"], atol=1e-9, rtol=0)
    np.testing.assert_allclose(engine.recall, expected.eval["recall"], atol=1e-9, rtol=0)
    assert engine.category_ids == expected.params.catIds


def random_case(seed, iou_type):
    """Objects of all sizes, crowds, ties of scores, more than 100 detections of an image and class, empty images."""
    rng = np.random.default_rng(seed)
    categories = [{"id": int(number), "name": str(number)} for number in np.cumsum(rng.integers(1, 4, 3))]
    images = [{"id": int(number), "width": SIDE, "height": SIDE} for number in np.cumsum(rng.integers(1, 9, 4))]
    true, found = [], []
    crowded = rng.random() < 0.1
    for image in images:
        boxes = []
        for _ in range(rng.integers(0, 6)):
            side = rng.choice([8, 40, 110], 2) * rng.uniform(0.7, 1.3, 2)
            corner = rng.uniform(0, SIDE - side)
            box = [*corner.tolist(), *side.tolist()]
            category_id = int(rng.choice([category["id"] for category in categories]))
            boxes.append((category_id, box))
            record = {"image_id": image["id"], "category_id": category_id, "iscrowd": int(rng.random() < 0.2)}
            true.append(record | shaped(box, iou_type, rng))
        guesses = [(category_id, (np.array(box) * rng.normal(1, 0.1, 4)).tolist()) for category_id, box in boxes]
        guesses += [(categories[0]["id"], [5, 5, 30, 30])] * int(rng.integers(100, 140) if crowded else 0)
        guesses += [(categories[-1]["id"], (rng.uniform(0, 90, 4) + 1).tolist()) for _ in range(rng.integers(0, 4))]
        for category_id, box in guesses:
            score = float(rng.choice([0.1, 0.25, 0.5, rng.random()]))
            record = {"image_id": image["id"], "category_id": category_id, "score": score}
            found.append(record | shaped(box, iou_type, None))
    return {"images": images, "categories": categories, "annotations": true}, found


def shaped(box, iou_type, rng):
    """A record's shape with its area, which labellers sometimes give otherwise."""
    left, top, width, height = box
    if iou_type == "segm":
        corners = [left, top, left + width, top, left + width, top + height, left, top + height]
        rle = segmentation_to_rle([np.clip(corners, 0, SIDE).tolist()], (SIDE, SIDE))
        shape, area = {"segmentation": rle}, float(coco_mask.area(rle))
    else:
        shape, area = {"bbox": box}, width * height
    return shape | {"area": area * (rng.choice([1, 0.5]) if rng is not None else 1)}


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_curves_equal_those_of_pycocotools(iou_type, seed):
    assert_equal(*random_case(seed, iou_type), iou_type)


@pytest.mark.slow
@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@settings(max_examples=2000, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_two_thousand_curves_equal_those_of_pycocotools(iou_type, seed):
    assert_equal(*random_case(seed, iou_type), iou_type)


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"the published example is not at {GOLDEN}")
@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_the_published_example_has_the_curves_of_pycocotools(iou_type):
    example = json.loads((GOLDEN / "expected_values.json").read_text())["coco_val2014_100"]
    truth = json.loads((GOLDEN / example["gt"]).read_text())
    results = json.loads((GOLDEN / example[f"dt_{iou_type}"]).read_text())
    image_hw = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    for record in (*truth["annotations"], *results):
        if iou_type == "segm":
            record["segmentation"] = segmentation_to_rle(record["segmentation"], image_hw[record["image_id"]])
            record.setdefault("area", float(coco_mask.area(record["segmentation"])))
        else:
            record.setdefault("area", record["bbox"][2] * record["bbox"][3])
        record.setdefault("iscrowd", 0)
    assert_equal(truth, results, iou_type)


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
@pytest.mark.parametrize("seed", range(6))
def test_matches_are_those_of_pycocotools(iou_type, seed):
    truth, results = random_case(seed, iou_type)
    found = ours(truth, results, iou_type).matches(IOUS_50_95, AREAS)
    row_of = {image["id"]: row for row, image in enumerate(truth["images"])}
    seen = set()
    for each in reference(truth, results, iou_type).evalImgs:
        if each is None:
            continue
        area = AREAS[[[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]].index(list(each["aRng"]))]
        matches, row = found[each["category_id"]][area], row_of[each["image_id"]]
        of_image = matches.image == row
        counted = ~each["dtIgnore"]
        np.testing.assert_array_equal(matches.score[of_image], each["dtScores"])
        np.testing.assert_array_equal(matches.counted[:, of_image], counted)
        np.testing.assert_array_equal(matches.correct[:, of_image], (each["dtMatches"] > 0) & counted)
        np.testing.assert_array_equal(matches.rank[of_image], np.arange(len(each["dtScores"])))
        assert matches.objects[row] == (each["gtIgnore"] == 0).sum()
        seen.add((each["category_id"], area))
    for key in {(category_id, area) for category_id, areas in found.items() for area in areas} - seen:
        assert len(found[key[0]][key[1]].score) == 0


def test_without_objects_or_detections_nothing_fails():
    truth, results = random_case(1, "bbox")
    assert ours({**truth, "annotations": []}, results, "bbox").precision.max() == -1
    assert ours(truth, [], "bbox").recall.max() == 0
    for areas in ours({**truth, "annotations": []}, [], "bbox").matches([0.5]).values():
        assert len(areas["all"].score) == areas["all"].objects.sum() == 0


def test_nothing_is_printed_and_nothing_warns(capfd):
    truth, results = random_case(1, "segm")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine = ours(truth, results, "segm")
        engine.matches([0.5], AREAS)
        assert engine.confusion(0.5).sum()
        assert engine.errors()
        assert engine.calibration(10, 0.5)["num_detections"]
        assert engine.precision.shape[1] == 101
    assert capfd.readouterr() == ("", "")
