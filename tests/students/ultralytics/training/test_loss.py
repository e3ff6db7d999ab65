"""The student's own loss: Ultralytics' for labels of full weight, and what weights and ignoring change in it."""

import pytest
import torch

from .conftest import with_grad

#: Centres of the anchors of a 64 px input, strides 8, 16 and 32, in pixels [84, 2].
CENTRES = torch.cat(
    [
        torch.stack(torch.meshgrid(*[torch.arange(stride / 2, 64, stride)] * 2, indexing="xy"), -1).reshape(-1, 2)
        for stride in (8, 16, 32)
    ]
)


def gradient(said, name):
    """[B, A, ...] of an output [B, ..., A]."""
    return said[name].grad.permute(0, 2, 1)


def inside(batch, row):
    """Which anchors have their centre in the box of an object, bool [A]."""
    cx, cy, width, height = batch["bboxes"][row] * 64
    return ((CENTRES - torch.stack([cx, cy])).abs() < torch.stack([width, height]) / 2).all(1)


def test_of_labels_of_full_weight_it_is_ultralytics_loss_to_the_last_bit(setting):
    """Value, items and all gradients; also of a batch without any object."""
    stock_batch = {name: setting.batch[name] for name in ("batch_idx", "cls", "bboxes", "masks")}
    for count in (3, 0):
        few = {name: values[:count] for name, values in stock_batch.items()}
        ours, theirs = with_grad(setting.said), with_grad(setting.said)
        total, items = setting.ours(setting.network)(ours, {name: v[:count] for name, v in setting.batch.items()})
        expected, expected_items = setting.stock(setting.network)(theirs, few)
        assert torch.equal(total, expected)
        assert all(torch.equal(value, expected_items[name]) for name, value in items.items())
        total.sum().backward()
        expected.sum().backward()
        for name in ("scores", "boxes", *(["mask_coefficient", "proto"] if setting.masks else [])):
            assert torch.equal(ours[name].grad, theirs[name].grad), name


def test_an_ignored_object_gets_no_anchors_and_teaches_nothing_in_its_box(setting):
    """(a) and (b); the other object of its image teaches exactly as if the ignored one were not labelled at all."""
    own, _, said = setting.loss(ignored=[False, True, False])
    rest = {name: values[[0, 2]] for name, values in setting.batch.items()}
    alone, theirs = with_grad(setting.said), setting.ours(setting.network)
    theirs(alone, rest)[0].sum().backward()
    assert torch.equal(own._foreground, theirs._foreground)

    in_ignored = inside(setting.batch, 1) & ~own._foreground[0]
    assert in_ignored.sum() > 5
    assert not gradient(said, "scores")[0, in_ignored].any()
    assert not gradient(said, "boxes")[0, in_ignored].any()
    assert gradient(alone, "scores")[0, in_ignored].all()
    assert torch.equal(gradient(said, "scores")[0, ~in_ignored], gradient(alone, "scores")[0, ~in_ignored])
    assert torch.equal(said["boxes"].grad, alone["boxes"].grad)
    assert torch.equal(said["scores"].grad[1:], alone["scores"].grad[1:])


@pytest.mark.parametrize("ignored", [[0.3, 0.3, 0.6, 0.6], [0.3, 0.3, 0.4, 0.4]], ids=["around it", "the same box"])
def test_where_an_object_lies_in_an_ignored_box_its_own_anchors_learn(setting, ignored):
    """An unsure box over a sure object."""
    setting.batch["bboxes"] = torch.tensor([[0.3, 0.3, 0.4, 0.4], ignored, [0.5, 0.5, 0.6, 0.6]])
    own, _, said = setting.loss(ignored=[False, True, False])
    found = own._foreground[0]
    assert found.any()
    assert gradient(said, "scores")[0, found].all()
    assert (own._object_index[0, found] == 0).all()


def test_of_ignored_boxes_that_overlap_neither_teaches_its_background_whatever_their_order(setting):
    setting.batch["batch_idx"] = torch.zeros(3)
    boxes = torch.tensor([[0.3, 0.3, 0.4, 0.4], [0.4, 0.4, 0.5, 0.5], [0.8, 0.8, 0.3, 0.3]])
    gradients = []
    for order in ([0, 1, 2], [1, 2, 0]):
        setting.batch["bboxes"] = boxes[order]
        own, _, said = setting.loss(ignored=[place != 2 for place in order])
        unsure = (inside(setting.batch, order.index(0)) | inside(setting.batch, order.index(1))) & ~own._foreground[0]
        assert not gradient(said, "scores")[0, unsure].any()
        assert gradient(said, "scores")[0, ~unsure].all()
        gradients.append(said["scores"].grad)
    torch.testing.assert_close(*gradients)


def test_an_ignored_object_smaller_than_a_cell_teaches_nothing_at_the_anchors_that_could_find_it(setting):
    """No anchor has its centre in such a box; Ultralytics takes a side below the second stride, 16, for one of it."""
    setting.batch["bboxes"][2] = torch.tensor([0.5, 0.5, 0.06, 0.06])
    assert not inside(setting.batch, 2).any()
    could = ((CENTRES - 32).abs() < 8).all(1)
    assert could.sum() == 4
    own, _, said = setting.loss(ignored=[False, False, True])
    assert not own._foreground[2].any()
    assert not gradient(said, "scores")[2, could].any()
    assert gradient(said, "scores")[2, ~could].all()


def test_where_every_object_is_ignored_only_the_background_outside_their_boxes_teaches(setting):
    _, items, said = setting.loss(ignored=[True] * 3)
    assert {name for name, value in items.items() if float(value)} == {"cls_loss"}
    assert not said["boxes"].grad.any()
    for image, rows in enumerate(((0, 1), (), (2,))):
        unsure = torch.zeros(len(CENTRES), dtype=torch.bool)
        for row in rows:
            unsure |= inside(setting.batch, row)
        assert not gradient(said, "scores")[image, unsure].any()
        assert gradient(said, "scores")[image, ~unsure].all()


def test_a_box_of_weight_0_gives_no_gradient_to_boxes_and_one_of_half_the_weight_half_of_it(setting):
    """The class loss does not change."""
    whole, _, full = setting.loss()
    found = whole._foreground
    for weight in (0.0, 0.5):
        own, _, said = setting.loss(box_weight=[1.0, weight, 1.0])
        assert torch.equal(own._foreground, found)
        second = found[0] & (own._object_index[0] == 1)
        assert second.any()
        torch.testing.assert_close(gradient(said, "boxes")[0, second], weight * gradient(full, "boxes")[0, second])
        assert torch.equal(gradient(said, "boxes")[0, ~second], gradient(full, "boxes")[0, ~second])
        assert torch.equal(said["scores"].grad, full["scores"].grad)


def test_a_class_weight_multiplies_the_target_and_nothing_else(setting):
    """Cross entropy has the gradient p - t: where the target t is taken by (1 - w), it grows by that."""
    whole, _, full = setting.loss()
    own, _, said = setting.loss(class_weight=[0.25, 1.0, 1.0])
    first = own._foreground[0] & (own._object_index[0] == 0)
    assert first.any()
    probability = setting.said["scores"].sigmoid().permute(0, 2, 1)
    background = ~whole._foreground
    scale = (gradient(full, "scores") / probability)[background].mean()
    target = probability - gradient(full, "scores") / scale
    assert (target[0, first].amax(1) > 1e-3).sum() > 3
    change = gradient(said, "scores") - gradient(full, "scores")
    expected = torch.zeros_like(change)
    expected[0, first] = 0.75 * target[0, first] * scale
    torch.testing.assert_close(change, expected, atol=1e-6, rtol=1e-3)
    assert torch.equal(said["boxes"].grad, full["boxes"].grad)


@pytest.mark.parametrize("setting", ["yolov8-seg"], indirect=True)
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_mask_weight_multiplies_the_mask_loss_of_its_object_and_nothing_else(setting, weight):
    _, items, full = setting.loss()
    own, weighted, said = setting.loss(mask_weight=[weight] * 3)
    torch.testing.assert_close(weighted["seg_loss"], weight * items["seg_loss"])
    torch.testing.assert_close(said["proto"].grad, weight * full["proto"].grad)
    assert torch.equal(said["scores"].grad, full["scores"].grad)
    _, _, said = setting.loss(mask_weight=[1.0, weight, 1.0])
    second = own._foreground[0] & (own._object_index[0] == 1)
    part = gradient(said, "mask_coefficient")[0]
    torch.testing.assert_close(part[second], weight * gradient(full, "mask_coefficient")[0, second])
    assert torch.equal(part[~second], gradient(full, "mask_coefficient")[0, ~second])


@pytest.mark.parametrize("setting", ["yolov8-seg"], indirect=True)
def test_objects_without_a_mask_teach_no_mask(setting):
    _, items, said = setting.loss(has_mask=[False] * 3)
    assert float(items["seg_loss"]) == 0
    assert float(items["box_loss"]) > 0
    assert not said["mask_coefficient"].grad.any()
