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
    assert torch.equal(own.assigned.foreground, theirs.assigned.foreground)

    in_ignored = inside(setting.batch, 1) & ~own.assigned.foreground[0]
    assert in_ignored.sum() > 5
    assert not gradient(said, "scores")[0, in_ignored].any()
    assert not gradient(said, "boxes")[0, in_ignored].any()
    assert gradient(alone, "scores")[0, in_ignored].all()
    assert torch.equal(gradient(said, "scores")[0, ~in_ignored], gradient(alone, "scores")[0, ~in_ignored])
    assert torch.equal(said["boxes"].grad, alone["boxes"].grad)
    assert torch.equal(said["scores"].grad[1:], alone["scores"].grad[1:])


def test_where_an_object_lies_in_an_ignored_box_its_own_anchors_learn(setting):
    """An unsure box around a sure object."""
    around = torch.tensor([[0.3, 0.3, 0.4, 0.4], [0.3, 0.3, 0.6, 0.6], [0.5, 0.5, 0.6, 0.6]])
    setting.batch["bboxes"] = around
    own, _, said = setting.loss(ignored=[False, True, False])
    found = own.assigned.foreground[0]
    assert found.any()
    assert gradient(said, "scores")[0, found].all()
    assert (own.assigned.index_in_image[0, found] == 0).all()


def test_a_box_of_weight_0_gives_no_gradient_to_boxes_and_one_of_half_the_weight_half_of_it(setting):
    """The class loss does not change."""
    whole, _, full = setting.loss()
    found = whole.assigned.foreground
    for weight in (0.0, 0.5):
        own, _, said = setting.loss(box_weight=[1.0, weight, 1.0])
        assert torch.equal(own.assigned.foreground, found)
        second = found[0] & (own.assigned.index_in_image[0] == 1)
        assert second.any()
        torch.testing.assert_close(gradient(said, "boxes")[0, second], weight * gradient(full, "boxes")[0, second])
        assert torch.equal(gradient(said, "boxes")[0, ~second], gradient(full, "boxes")[0, ~second])
        assert torch.equal(said["scores"].grad, full["scores"].grad)


def test_a_class_weight_multiplies_the_target_and_nothing_else(setting):
    """Cross entropy has the gradient p - t: where the target t is taken by (1 - w), it grows by that."""
    whole, _, full = setting.loss()
    own, _, said = setting.loss(class_weight=[0.25, 1.0, 1.0])
    first = own.assigned.foreground[0] & (own.assigned.index_in_image[0] == 0)
    target = whole.assigned.class_targets
    assert first.any()
    torch.testing.assert_close(own.assigned.class_targets[0, first], 0.25 * target[0, first])
    change = gradient(said, "scores") - gradient(full, "scores")
    expected = torch.zeros_like(change)
    scale = 3 * setting.network.args.cls / target.sum().clamp(min=1)  # three images
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
    second = own.assigned.foreground[0] & (own.assigned.index_in_image[0] == 1)
    part = gradient(said, "mask_coefficient")[0]
    torch.testing.assert_close(part[second], weight * gradient(full, "mask_coefficient")[0, second])
    assert torch.equal(part[~second], gradient(full, "mask_coefficient")[0, ~second])


@pytest.mark.parametrize("setting", ["yolov8-seg"], indirect=True)
def test_objects_without_a_mask_teach_no_mask(setting):
    _, items, said = setting.loss(has_mask=[False] * 3)
    assert float(items["seg_loss"]) == 0
    assert float(items["box_loss"]) > 0
    assert not said["mask_coefficient"].grad.any()
