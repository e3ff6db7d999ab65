"""The loss of a batch of two pools."""

import pytest
import torch

from gsam_edge.students.ultralytics.training.pools import PooledLoss

from .conftest import with_grad

#: The first image has the truth, the others do not; and all have it.
MIXED, MIXED_LAST, TRUE = torch.tensor([[False, True, True], [False, False, True], [False] * 3])


@pytest.fixture
def pooled(setting):
    """The loss of both pools, and its items and gradients."""

    def compute(pseudo, pseudo_weight=1.0):
        said = with_grad(setting.said)
        loss = PooledLoss(setting.ours(setting.network), pseudo_weight)
        total, items = loss(said, {**setting.batch, "pseudo": pseudo})
        total.sum().backward()
        return total, items, said

    return compute


def images(outputs, chosen):
    if isinstance(outputs, dict):
        return {name: images(value, chosen) for name, value in outputs.items()}
    return [value[chosen] for value in outputs] if isinstance(outputs, list) else outputs[chosen]


def of_objects(batch, chosen):
    """The batch with these objects alone."""
    return {name: values if name == "pseudo" else values[torch.tensor(chosen)] for name, values in batch.items()}


def test_a_batch_of_the_truth_alone_has_the_students_own_loss(setting, pooled):
    total, items, _ = pooled(TRUE, pseudo_weight=9.0)
    expected, expected_items = setting.ours(setting.network)(setting.said, setting.batch)
    assert torch.equal(total, expected)
    assert items.keys() == expected_items.keys()


def test_each_pool_has_the_loss_that_it_has_alone_and_a_name_of_its_own(setting, pooled):
    """With its own normaliser where that is the larger one; those of the second pool count by the weight."""
    total, items, _ = pooled(MIXED_LAST, pseudo_weight=0.5)
    own = setting.ours(setting.network)
    # The last image alone, whose large object fits more anchors than those of the others do an image.
    first, first_items = own(images(setting.said, slice(0, 2)), of_objects(setting.batch, [0, 1]))
    last = of_objects(setting.batch, [2]) | {"batch_idx": torch.zeros(1)}
    others, others_items = own(images(setting.said, slice(2, 3)), last)
    torch.testing.assert_close(total.sum(), first.sum() + 0.5 * others.sum())
    assert items.keys() == first_items.keys() | {f"pseudo_{name}" for name in others_items}
    for name, value in first_items.items():
        torch.testing.assert_close(items[name], value)
        torch.testing.assert_close(items[f"pseudo_{name}"], others_items[name])


def test_the_background_of_images_without_an_object_counts_as_that_of_the_truth_does(setting):
    """Divided by a normaliser of nothing it would outweigh all objects of the truth."""
    batch = of_objects(setting.batch, [0, 1])
    empty_last = {**batch, "pseudo": MIXED}  # the first image has both objects, the other two have none
    said = with_grad(setting.said)
    loss = PooledLoss(setting.ours(setting.network), 1.0)
    _, items = loss(said, empty_last)
    whole, parts = setting.ours(setting.network), {}
    _, parts["all"] = whole(setting.said, batch)  # the truth's own background among them, one normaliser
    _, parts["first"] = whole(images(setting.said, slice(0, 1)), {**batch, "pseudo": TRUE[:1]})
    torch.testing.assert_close(2 * items["pseudo_cls_loss"], parts["all"]["cls_loss"] - parts["first"]["cls_loss"])
    assert items["pseudo_box_loss"] == 0


def test_pseudo_labels_without_weight_teach_nothing(pooled):
    _, _, said = pooled(MIXED, pseudo_weight=0.0)
    for output in (said["scores"], said["boxes"]):
        assert output.grad[0].any()
        assert not output.grad[1:].any()
