"""The loss of a batch of two pools."""

import pytest
import torch

from gsam_edge.students.ultralytics.training.pools import PooledLoss

from .conftest import with_grad

#: The first image has the truth, the others do not; and all have it.
MIXED, TRUE = torch.tensor([False, True, True]), torch.tensor([False] * 3)


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


def test_a_batch_of_the_truth_alone_has_the_students_own_loss(setting, pooled):
    total, items, _ = pooled(TRUE, pseudo_weight=9.0)
    expected, expected_items = setting.ours(setting.network)(setting.said, setting.batch)
    assert torch.equal(total, expected)
    assert items.keys() == expected_items.keys()


def test_each_pool_has_the_loss_that_it_has_alone_and_a_name_of_its_own(setting, pooled):
    """With its own normaliser; those of the second pool count by the weight."""
    total, items, _ = pooled(MIXED, pseudo_weight=0.5)
    own = setting.ours(setting.network)
    of_first, of_last = torch.tensor([0, 1]), torch.tensor([2])
    first, first_items = own(
        images(setting.said, slice(0, 1)), {name: values[of_first] for name, values in setting.batch.items()}
    )
    last = {name: values[of_last] for name, values in setting.batch.items()}
    others, others_items = own(images(setting.said, slice(1, 3)), {**last, "batch_idx": torch.tensor([1.0])})
    torch.testing.assert_close(total.sum(), first.sum() + 0.5 * others.sum())
    assert items.keys() == first_items.keys() | {f"pseudo_{name}" for name in others_items}
    for name, value in first_items.items():
        torch.testing.assert_close(items[name], value)
        torch.testing.assert_close(items[f"pseudo_{name}"], others_items[name])


def test_pseudo_labels_without_weight_teach_nothing(pooled):
    _, _, said = pooled(MIXED, pseudo_weight=0.0)
    for output in (said["scores"], said["boxes"]):
        assert output.grad[0].any()
        assert not output.grad[1:].any()
