"""The loss of a batch of two pools, and the distillation losses beside it."""

import pytest
import torch

from gsam_edge.students.ultralytics.training.pools import PooledLoss

from .conftest import with_grad

#: The first image has the truth, the others do not; and all have it.
MIXED, TRUE = torch.tensor([False, True, True]), torch.tensor([False] * 3)


@pytest.fixture
def pooled(setting):
    """The loss of both pools, and its items and gradients."""

    def compute(pseudo, losses=None, pseudo_weight=1.0):
        said = with_grad(setting.said)
        loss = PooledLoss(setting.ours(setting.network), losses or {}, pseudo_weight)
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


def test_an_added_loss_is_a_further_part_of_the_total_and_logged_by_its_name(pooled):
    """With its weight, and once for each image as Ultralytics' own parts; its gradient reaches every image."""
    plain, plain_items, _ = pooled(MIXED, pseudo_weight=0.0)
    sharp = {"sharp": (0.5, lambda raw, targets: raw.class_logits.square().mean())}
    total, items, said = pooled(MIXED, sharp, pseudo_weight=0.0)
    expected = 0.5 * said["scores"].detach().square().mean()
    torch.testing.assert_close(total.sum(), plain.sum() + 3 * expected)
    torch.testing.assert_close(items, plain_items | {"sharp_loss": expected})
    assert said["scores"].grad[2].any()


@pytest.mark.parametrize("pseudo", [TRUE, MIXED], ids=["truth", "mixed"])
def test_a_loss_is_told_which_object_each_anchor_is_assigned_to(setting, pooled, pseudo):
    """The second image has no objects, so that the third's are not counted from where its number says."""
    seen = []
    pooled(pseudo, {"spy": (1.0, lambda raw, targets: seen.append((raw, targets)) or raw.class_logits.sum())})
    raw, targets = seen[0]
    assert torch.equal(raw.class_logits, setting.said["scores"].permute(0, 2, 1))
    assert torch.equal(raw.box_logits, setting.said["boxes"].permute(0, 2, 1))
    classes = targets.at_anchors(setting.batch["cls"][:, 0].long())
    assert targets.foreground[0].any()
    assert not targets.foreground[1].any()
    assert targets.foreground[2].any()
    assert (targets.class_targets.argmax(-1) == classes)[targets.foreground].all()
    assert set(targets.object_index[0][targets.foreground[0]].tolist()) <= {0, 1}
    assert set(targets.object_index[2][targets.foreground[2]].tolist()) == {2}
