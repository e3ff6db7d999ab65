"""A world whose failures are known by construction: each is told in words, and its groups add up."""

import json

import numpy as np
import pytest

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.images.quality import image_quality
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.evaluate.failures.config import FailuresConfig
from gsam_edge.evaluate.failures.find import find_failures
from gsam_edge.report.plots.failures import plot_failures
from gsam_edge.vision import Detections

CONFIG = FailuresConfig(near_iou=0.1, mask_iou=0.5, edge=0.01, count=10, drawn=3, image_width=120)
THRESHOLDS = np.array([0.5, 0.4], np.float32)
RING, HOOK = 0, 1


def world(count=12):
    """Images of 100 x 100 pixels with a ring in the middle and a hook in the corner."""
    content = {"images": [], "annotations": [], "categories": [{"id": 7, "name": "ring"}, {"id": 9, "name": "hook"}]}
    for image_id in range(1, count + 1):
        content["images"].append({"id": image_id, "file_name": f"{image_id:02}.png", "height": 100, "width": 100})
        for category_id, box in ((7, [40, 40, 40, 40]), (9, [0, 0, 20, 20])):
            record = {"id": 10 * image_id + category_id, "image_id": image_id, "category_id": category_id}
            content["annotations"].append(record | {"bbox": box, "area": box[2] * box[3]})
    return Annotations.from_coco(content)


def found(*detections):
    """Detections as (class id, score, left, top, side)."""
    rows = np.array(detections, np.float32).reshape(-1, 5)
    xyxy = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:]], axis=1)
    return PackedDetections.pack(Detections(xyxy, rows[:, 1].copy(), rows[:, 0].astype(np.int64)))


GOOD = [(RING, 0.9, 40, 40, 40), (HOOK, 0.8, 0, 0, 20)]


def failures(truth, of_image, config=CONFIG):
    objects = {image["id"]: found(*of_image.get(image["id"], GOOD)) for image in truth.images}
    predictions = Predictions(objects, truth.class_names, PredictorInfo("student", "", False))
    rng = np.random.default_rng(0)
    images = {image["file_name"]: rng.integers(0, 255, (100, 100, 3), dtype=np.uint8) for image in truth.images}
    return find_failures("student", truth, predictions, images, THRESHOLDS, config, match_iou=0.5)


@pytest.mark.parametrize(
    ("detections", "kind", "text"),
    [
        (GOOD[:1], "missed", "misses 'hook': nothing was found there, whatever the score"),
        ([*GOOD[:1], (HOOK, 0.3, 0, 0, 20)], "missed", "misses 'hook': seen with score 0.30, below 0.40"),
        (
            [*GOOD[:1], (RING, 0.3, 0, 0, 20)],
            "missed",
            "misses 'hook': seen as another class, 'ring' with score 0.30, below 0.50",
        ),
        ([*GOOD[:1], (RING, 0.7, 0, 0, 20)], "confused", "takes 'hook' for 'ring' (score 0.70)"),
        ([*GOOD[:1], (HOOK, 0.7, 10, 0, 20)], "outlined", "outlines 'hook' badly: its box has an IoU of 0.33"),
        ([*GOOD, (HOOK, 0.45, 80, 80, 10)], "invented", "finds 'hook' (score 0.45) where nothing is labelled"),
        ([*GOOD, (HOOK, 0.45, 1, 0, 20)], "invented", "finds 'hook' (score 0.45) once more, on one that it found"),
        ([*GOOD, (RING, 0.55, 0, 0, 20)], "confused", "finds 'ring' (score 0.55) on 'hook', which it found as well"),
        ([*GOOD, (RING, 0.55, 10, 0, 20)], "invented", "finds 'ring' (score 0.55) half beside 'hook'"),
    ],
)
def test_a_failure_is_told_in_words(detections, kind, text):
    report = failures(world(), {3: detections}).report
    (image,) = report["images"]
    assert (image["image_id"], image["file_name"]) == (3, "03.png")
    (reason,) = image["reasons"]
    assert reason["kind"] == kind
    assert reason["text"].startswith(text)
    assert len(reason["box"]) == 4
    assert report["totals"]["with_failures"] == 1
    assert json.loads(json.dumps(report)) == report


def test_what_is_below_its_class_threshold_is_no_failure():
    report = failures(world(), {3: [*GOOD, (RING, 0.49, 70, 0, 20), (HOOK, 0.39, 0, 70, 20)]}).report
    assert report["images"] == []
    assert report["thresholds"] == {"ring": 0.5, "hook": 0.4}


def test_the_worst_image_comes_first_and_as_many_are_told_as_asked_for():
    of_image = {1: GOOD[:1], 2: [], 3: [*GOOD, (HOOK, 0.9, 80, 80, 10)], 4: [(HOOK, 0.9, 80, 80, 10)]}
    told = failures(world(), of_image, CONFIG.model_copy(update={"count": 3}))
    assert [image["image_id"] for image in told.report["images"]] == [4, 2, 1]
    assert [image["score"] for image in told.report["images"]] == [1, 1, pytest.approx(1 / 3, abs=1e-4)]
    assert told.report["images"][0]["counts"] == "2 missed, 1 invented"
    assert told.report["totals"]["with_failures"] == 4
    assert [row.file_name for row in told.drawn] == ["04.png", "02.png", "01.png"]


def test_groups_add_up_and_the_one_that_is_lost_is_named():
    """Every hook is missed: those are the small ones, at the edge of the image."""
    truth = world(20)
    of_image = {image["id"]: GOOD[:1] for image in truth.images} | {1: [*GOOD[:1], (HOOK, 0.9, 70, 90, 10)]}
    report = failures(truth, of_image).report
    for name in ("class", "size", "edge"):
        rows = report["groups"][name]
        assert sum(row["objects"] for row in rows) == report["totals"]["objects"] == 40
        assert sum(row["invented"] for row in rows) == report["totals"]["invented"] == 1
        for row in rows:
            assert row["objects"] == row["found"] + row["missed"] + row["confused"] + row["outlined"]
    hook = next(row for row in report["groups"]["class"] if row["name"] == "hook")
    assert (hook["lost"], hook["lost_ci95"], hook["others"]) == (1, [1, 1], 0)
    assert hook["verdict"] == "lost more often than the others"
    assert "Objects of class 'hook' are lost more often: 20 of 20 (100%), others 0%." in report["notable"]
    assert any("at the edge of the image" in sentence for sentence in report["notable"])
    assert {row["name"]: row["count"] for row in report["groups"]["error"]} == {"missed": 20, "background": 1}
    assert sum(row["share"] for row in report["groups"]["error"]) == pytest.approx(1, abs=1e-3)


def test_chance_makes_no_group_notable():
    truth = world(20)
    report = failures(truth, {image_id: GOOD[image_id % 2 :][:1] for image_id in range(1, 11)}).report
    assert report["notable"] == []
    assert {row["verdict"] for row in report["groups"]["class"]} == {"not distinguishable from the others"}


def test_copies_of_an_image_are_drawn_together():
    """Six images that are lost, of which five are copies, are two pieces of evidence."""
    truth = world(20)
    of_image = dict.fromkeys(range(1, 7), GOOD[:1])

    def width(together):
        objects = {image["id"]: found(*of_image.get(image["id"], GOOD)) for image in truth.images}
        predictions = Predictions(objects, truth.class_names, PredictorInfo("student", "", False))
        images = {image["file_name"]: np.zeros((100, 100, 3), np.uint8) for image in truth.images}
        told = find_failures(
            "student", truth, predictions, images, THRESHOLDS, CONFIG, match_iou=0.5, together=together
        )
        low, high = next(row for row in told.report["groups"]["class"] if row["name"] == "hook")["lost_ci95"]
        return high - low

    assert width([[1, 2, 3, 4, 5], [999, 998]]) > 1.3 * width([])


def test_a_student_that_finds_nothing_misses_everything():
    truth = world()
    told = failures(truth, {image["id"]: [] for image in truth.images})
    assert told.report["totals"]["missed"] == told.report["totals"]["objects"] == 24
    assert {row["lost"] for row in told.report["groups"]["class"]} == {1.0}
    assert told.report["notable"] == []
    plot_failures(told.drawn, ("ring", "hook"), told.report["totals"], image_width=120).canvas.draw()


def test_a_student_that_could_not_be_measured_is_said_so():
    nothing = Predictions({}, ("ring", "hook"), PredictorInfo("student", "", False))
    told = find_failures("student", world(), nothing, {}, THRESHOLDS, CONFIG, match_iou=0.5)
    assert told.report["why"].startswith("student could not be measured")
    assert (told.report["images"], told.report["groups"], told.drawn) == ([], {}, [])
    assert json.loads(json.dumps(told.report)) == told.report


def test_a_perfect_model_has_no_failure_and_a_plot_says_so():
    told = failures(world(), {})
    assert told.report["images"] == []
    assert told.report["groups"]["error"] == []
    figure = plot_failures(told.drawn, ("ring", "hook"), told.report["totals"], image_width=120)
    assert "No image has a failure." in [text.get_text() for text in figure.texts]


def test_the_plot_shows_every_drawn_image_twice_with_its_reasons():
    told = failures(world(), {1: [], 2: [*GOOD, (HOOK, 0.9, 80, 80, 10)], 3: GOOD[:1]})
    figure = plot_failures(told.drawn, ("ring", "hook"), told.report["totals"], image_width=120)
    assert len(figure.axes) == 6
    text = "\n".join(text.get_text() for text in figure.texts)
    assert "01.png: 2 missed" in text
    assert "misses 'hook': nothing was found there" in text
    figure.canvas.draw()


class TestQuality:
    def test_of_known_images(self):
        chessboard = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((8, 8)))[..., None].repeat(3, -1)
        sharp = (chessboard * 255).astype(np.uint8)
        quality = image_quality(sharp)
        assert quality.brightness == pytest.approx(0.5)
        assert quality.contrast == pytest.approx(0.5)
        blurred = np.clip(np.cumsum(np.cumsum(sharp.astype(float), 0), 1), 0, None)
        blurred = (blurred[6:, 6:] + blurred[:-6, :-6] - blurred[6:, :-6] - blurred[:-6, 6:]) / 36
        assert image_quality(blurred.astype(np.uint8)).sharpness < 0.7 * quality.sharpness

    def test_little_light_is_not_blur(self):
        rng = np.random.default_rng(0)
        image = rng.integers(0, 200, (64, 64, 3), dtype=np.uint8)
        darker = image_quality((image // 4).astype(np.uint8))
        assert darker.sharpness == pytest.approx(image_quality(image).sharpness, rel=0.05)
        assert darker.brightness < 0.3 * image_quality(image).brightness + 0.01

    @pytest.mark.parametrize("shape", [(1, 1), (2, 40), (64, 64)])
    def test_an_image_of_one_colour_has_no_contrast(self, shape):
        assert image_quality(np.full((*shape, 3), 80, np.uint8))[1:] == (0, 0)
