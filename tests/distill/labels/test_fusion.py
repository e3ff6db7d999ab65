"""Weighted box fusion of two sources of labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.labels.fusion import fuse
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou
from support.detections import same

TEACHER, STUDENT = (PredictorInfo(name, name, prompted_with_boxes=False) for name in ("teacher", "student"))


def labels(found: Detections, predictor: PredictorInfo) -> Predictions:
    return Predictions({3: PackedDetections.pack(found)}, ("ear", "label"), predictor, "s")


def boxes(*rows: tuple[list[float], float, int]) -> Detections:
    """Labels by (corners, score, class)."""
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int64),
    )


def fused(first: Detections, second: Detections) -> Detections:
    return fuse(labels(first, TEACHER), labels(second, STUDENT), match_iou=0.5).objects[3].unpack()


@st.composite
def sources(draw, masks=False):
    """Labels of which no two of a class overlap by half, as each source leaves them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(0, 8))
    corners = rng.integers(0, 30, (count, 2))
    found = boxes(
        *(
            ([*c, *(c + rng.integers(4, 12, 2))], s, k)
            for c, s, k in zip(corners, rng.random(count), rng.integers(0, 2, count), strict=True)
        )
    )
    keep = np.zeros(count, bool)
    for row in np.argsort(-found.scores):
        overlap = box_iou(found.xyxy[[row]], found.xyxy[keep])[0]
        keep[row] = not (overlap[found.class_ids[keep] == found.class_ids[row]] >= 0.5).any()
    found = found.select(keep)
    return replace(found, masks=rng.random((len(found), 12, 14)) < 0.3) if masks else found


def test_a_case_by_hand():
    """Corners weighted by 0.9 and 0.3; the mean score of what both have, half of what one has; classes stay apart."""
    first = boxes(([0, 0, 10, 10], 0.9, 0), ([30, 30, 40, 40], 0.6, 0))
    second = boxes(([2, 0, 12, 10], 0.3, 0), ([30, 30, 40, 40], 0.8, 1))
    both = fused(first, second)
    assert both.scores.tolist() == pytest.approx([0.6, 0.4, 0.3])
    assert both.class_ids.tolist() == [0, 1, 0]
    np.testing.assert_allclose(both.xyxy, [[0.5, 0, 10.5, 10], [30, 30, 40, 40], [30, 30, 40, 40]], rtol=1e-6)


@given(sources(masks=True))
@settings(max_examples=30, deadline=None)
def test_a_source_fused_with_itself_stays_as_it_is(found):
    twice = fused(found, found)
    order = np.argsort(-found.scores, kind="stable")
    np.testing.assert_allclose(twice.xyxy, found.xyxy[order], rtol=1e-6)
    np.testing.assert_array_equal(twice.scores, found.scores[order])
    np.testing.assert_array_equal(twice.masks, found.masks[order])


@given(sources())
@settings(max_examples=30, deadline=None)
def test_a_source_fused_with_none_keeps_its_boxes_at_half_their_scores(found):
    order = np.argsort(-found.scores, kind="stable")
    for pair in ((found, boxes()), (boxes(), found)):
        alone = fused(*pair)
        np.testing.assert_array_equal(alone.xyxy, found.xyxy[order])
        np.testing.assert_array_equal(alone.class_ids, found.class_ids[order])
        np.testing.assert_allclose(alone.scores, found.scores[order] / 2, rtol=1e-6)


@given(sources(), sources())
@settings(max_examples=50, deadline=None)
def test_agreement_raises_scores_and_boxes_lie_between_those_of_their_sources(first, second):
    both = fused(first, second)
    assert max(len(first), len(second)) <= len(both) <= len(first) + len(second)
    assert both.scores.sum() == pytest.approx((first.scores.sum() + second.scores.sum()) / 2, rel=1e-5)
    assert (np.diff(both.scores) <= 0).all()
    every = np.concatenate([first.xyxy, second.xyxy])
    if len(every):
        assert (both.xyxy >= every.min(0) - 1e-4).all()
        assert (both.xyxy <= every.max(0) + 1e-4).all()


def masked(found: Detections, columns: int, **of_masks: list[float]) -> Detections:
    """Each label with a mask of the first columns of a picture of 10 by 10 pixels."""
    masks = np.zeros((len(found), 10, 10), bool)
    masks[:, :, :columns] = True
    return replace(found, masks=masks, **{name: np.array(values, np.float32) for name, values in of_masks.items()})


def test_masks_are_those_of_the_better_source_with_what_it_says_of_them():
    """A source that says nothing of its masks is taken at its word; its box is compared with its mask."""
    teacher = masked(boxes(([0, 0, 10, 10], 0.9, 0)), 8, mask_scores=[0.7], box_agreement=[0.6])
    student = masked(boxes(([0, 0, 10, 9], 0.8, 0), ([0, 0, 10, 10], 0.5, 1)), 5)
    both = fuse(labels(teacher, TEACHER), labels(student, STUDENT), match_iou=0.5).objects[3]
    assert both.mask_areas.tolist() == [80, 50]
    assert both.unmasked.mask_scores.tolist() == pytest.approx([0.7, 1])
    assert both.unmasked.box_agreement.tolist() == pytest.approx([0.6, 0.5])
    other = fuse(labels(student, STUDENT), labels(teacher, TEACHER), match_iou=0.5).objects[3]
    assert other.mask_areas.tolist() == [50, 50]
    assert same(other.unmasked, PackedDetections.from_record(other.to_record()).unmasked)


def test_the_fused_source_is_named_after_both_and_has_a_digest_of_its_own():
    first, second = labels(boxes(), TEACHER), labels(boxes(), STUDENT)
    both = fuse(first, second, match_iou=0.5)
    assert both.predictor.name == "teacher and student, fused"
    assert both.split == "s"
    digests = {
        each.predictor.digest for each in (both, fuse(second, first, match_iou=0.5), fuse(first, second, match_iou=0.6))
    }
    assert len(digests) == 3


@pytest.mark.parametrize("change", [{"class_names": ("ear",)}, {"split": "t"}, {"objects": {}}])
def test_labels_of_other_images_or_classes_are_refused(change):
    with pytest.raises(ValueError, match="fusion: expected labels of the same"):
        fuse(labels(boxes(), TEACHER), replace(labels(boxes(), STUDENT), **change), match_iou=0.5)


def test_masks_of_one_source_alone_are_refused():
    with pytest.raises(ValueError, match=r"masks of one size, got \(10, 10\) and None"):
        fused(masked(boxes(), 3), boxes())
