import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.ops import box_convert, generalized_box_iou

from gsam_edge.coco import Annotations
from gsam_edge.teachers.sam3.batch import askable_classes, draw_classes, objects_of
from gsam_edge.teachers.sam3.loss import Objects, sam3_losses
from gsam_edge.teachers.sam3.network import answers, mask_logits, pyramid
from gsam_edge.training.errors import TrainingError
from gsam_edge.vision import Detections
from support.sam3 import TUNING, tiny_sam3
from support.shapes import NAMES, shape_annotations, shape_images

CONFIG = TUNING.loss
BOX = torch.tensor([[0.4, 0.5, 0.3, 0.4]])


@pytest.fixture(scope="module")
def sam3():
    return tiny_sam3()


@pytest.fixture(scope="module")
def seen(sam3):
    with torch.no_grad():
        return pyramid(sam3.model, sam3.embed([shape_images()["0.png"]])["tokens"])


def losses(sam3, seen, wanted, config=CONFIG):
    texts = sam3.texts(NAMES).select(torch.arange(len(wanted)))
    with torch.no_grad():
        return sam3_losses(sam3.model, seen.repeated(len(wanted)), texts, wanted, config)


def nothing(masks=None):
    return Objects(torch.zeros(0, 4), masks)


def test_one_object_costs_what_its_best_query_costs(sam3, seen):
    """Written out for one prompt with one object: matching, focal loss, L1, GIoU and presence in each layer."""
    with torch.no_grad():
        asked = answers(sam3.model, seen, sam3.texts(NAMES[:1]))
    expected = dict.fromkeys(("class_loss", "presence_loss", "l1_loss", "giou_loss"), 0.0)
    for boxes, logits, presence in zip(asked.boxes[:, 0], asked.logits[:, 0], asked.presence[:, 0], strict=True):
        p = logits.sigmoid()
        positive, negative = 0.25 * (1 - p) ** 2 * -(p + 1e-8).log(), 0.75 * p**2 * -(1 - p + 1e-8).log()
        l1 = (boxes - BOX).abs().sum(1)
        giou = generalized_box_iou(box_convert(boxes, "cxcywh", "xyxy"), box_convert(BOX, "cxcywh", "xyxy"))[:, 0]
        best = (2 * (positive - negative) + 5 * l1 - 2 * giou).argmin()
        focal = negative.sum() - negative[best] + positive[best]
        expected["class_loss"] += 2 * focal.item()
        expected["presence_loss"] += 10 * functional.softplus(-presence).item()
        expected["l1_loss"] += 5 * l1[best].item()
        expected["giou_loss"] += 2 * (1 - giou[best]).item()
    found = losses(sam3, seen, [Objects(BOX, None)])
    assert {name: pytest.approx(value.item(), rel=1e-4) for name, value in found.items()} == expected


def test_an_absent_class_teaches_its_absence_alone(sam3, seen):
    found = losses(sam3, seen, [nothing()])
    assert found["presence_loss"] > 0
    assert [found[name].item() for name in ("class_loss", "l1_loss", "giou_loss")] == [0, 0, 0]


def test_an_absent_class_beside_a_present_one_changes_only_the_presence(sam3, seen):
    alone, beside = losses(sam3, seen, [Objects(BOX, None)]), losses(sam3, seen, [Objects(BOX, None), nothing()])
    for name in ("class_loss", "l1_loss", "giou_loss"):
        torch.testing.assert_close(alone[name], beside[name])
    assert alone["presence_loss"] != beside["presence_loss"]


def test_masks_are_compared_with_those_of_the_matched_queries(sam3, seen):
    """Written out for a mask that the query's own may or may not resemble; an object without a mask costs nothing."""
    texts = sam3.texts(NAMES[:1])
    with torch.no_grad():
        asked = answers(sam3.model, seen, texts)
        logits = mask_logits(sam3.model, seen, texts, asked.encoded, asked.queries)[0, 3]
    box = asked.boxes[-1, 0, 3:4]  # an object just where the fourth query's box is
    mask = torch.zeros(1, 16, 16)
    mask[0, 4:12, 2:9] = 1
    # Matched to no other query that scores higher; a focal loss of gamma 0 is half of the cross-entropy.
    config = CONFIG.model_copy(update={"class_weight": 1e-6, "focal_alpha": 0.5, "focal_gamma": 0})
    found, none = (losses(sam3, seen, [Objects(box, masks)], config) for masks in (mask, 0 * mask))
    entropy = functional.binary_cross_entropy_with_logits(logits, mask[0])
    torch.testing.assert_close(found["mask_loss"], config.mask_weight * 0.5 * entropy, rtol=1e-3, atol=1e-4)
    p = logits.sigmoid()
    dice = 1 - (2 * (p * mask[0]).sum() + 1) / (p.sum() + mask.sum() + 1)
    torch.testing.assert_close(found["dice_loss"], config.dice_weight * dice, rtol=1e-3, atol=1e-4)
    assert (none["mask_loss"].item(), none["dice_loss"].item()) == (0, 0)
    assert "mask_loss" not in losses(sam3, seen, [Objects(box, None)])


def test_prompts_with_different_numbers_of_objects_cost_their_mean(sam3, seen):
    rng = torch.Generator().manual_seed(0)
    boxes = torch.rand(3, 4, generator=rng) / 4 + 0.2
    masks = (torch.rand(3, 16, 16, generator=rng) > 0.5).float()
    two, one = Objects(boxes[:2], masks[:2]), Objects(boxes[2:], masks[2:])
    both = losses(sam3, seen, [two, one])
    with torch.no_grad():
        first = sam3_losses(sam3.model, seen, sam3.texts(NAMES[:1]), [two], CONFIG)
        second = sam3_losses(sam3.model, seen, sam3.texts(NAMES[1:2]), [one], CONFIG)
    for name in ("class_loss", "l1_loss", "giou_loss", "mask_loss", "dice_loss"):
        torch.testing.assert_close(both[name], (2 * first[name] + second[name]) / 3, rtol=1e-3, atol=1e-4)


def test_a_step_that_was_too_large_is_named(sam3, seen):
    broken = tiny_sam3()
    broken.model.detr_decoder.box_head.layer3.bias.fill_(torch.nan)
    with pytest.raises(TrainingError, match="expected finite boxes"):
        losses(broken, seen, [Objects(BOX, None)])


def test_targets_are_fractions_of_the_image_and_shares_of_cells():
    truth = shape_annotations(range(4)).truth(0)
    ring = objects_of(truth, 0, (60, 80), 16)
    torch.testing.assert_close(ring.boxes, torch.tensor([[30 / 80, 25 / 60, 40 / 80, 40 / 60]]))
    assert ring.masks.shape == (1, 16, 16)
    # A mask's pixels include its lower and right edge, so it may cover a little more than its box.
    assert ring.masks.mean() == pytest.approx(40 * 40 / (60 * 80), rel=0.06)
    assert len(objects_of(truth, 2, (60, 80), 16).boxes) == 0
    assert objects_of(truth, 0, (60, 80), None).masks is None
    bare = Detections(truth.xyxy, truth.scores, truth.class_ids)
    assert objects_of(bare, 0, (60, 80), None).masks is None


@pytest.mark.parametrize(("probability", "expected"), [(0, {0, 1}), (1, {2, 3, 4})])
def test_classes_are_drawn_from_those_in_the_image_or_from_the_others(probability, expected):
    drawn = draw_classes(
        np.random.default_rng(0), {1, 0}, {4, 3, 2}, at_most=len(expected), absent_probability=probability
    )
    assert set(drawn) == expected


def test_classes_are_drawn_once_and_all_where_there_are_few():
    rng = np.random.default_rng(0)
    assert sorted(draw_classes(rng, {1}, {0, 2}, at_most=10, absent_probability=0.5)) == [0, 1, 2]
    assert draw_classes(rng, set(), {0}, at_most=2, absent_probability=0) == [0]
    shares = [draw_classes(rng, {0, 1}, {2, 3}, at_most=1, absent_probability=0.3)[0] >= 2 for _ in range(500)]
    assert np.mean(shares) == pytest.approx(0.3, abs=0.06)


def test_a_class_that_an_image_holds_as_a_crowd_only_is_neither_present_nor_absent():
    """A crowd of people beside no single person: to teach that there are none would be wrong."""

    def record(image_id, class_id, *, crowd):
        return {"image_id": image_id, "category_id": class_id, "bbox": [1, 1, 9, 9], "iscrowd": int(crowd)}

    objects = [
        record(1, 0, crowd=True),
        record(1, 1, crowd=False),
        record(2, 0, crowd=True),
        record(2, 0, crowd=False),
        record(3, 0, crowd=True),
        record(3, 1, crowd=True),
    ]
    annotations = Annotations.from_coco(
        {
            "images": [{"id": n, "file_name": f"{n}.png", "width": 20, "height": 20} for n in (1, 2, 3, 4)],
            "annotations": [{"id": n, **one} for n, one in enumerate(objects)],
            "categories": [{"id": 0, "name": "person"}, {"id": 1, "name": "dog"}],
        }
    )
    assert askable_classes(annotations) == {1: {1}, 2: {0, 1}, 4: {0, 1}}
