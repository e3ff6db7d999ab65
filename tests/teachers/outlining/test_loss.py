import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.teachers.outlining.config import MaskLossConfig
from gsam_edge.teachers.outlining.loss import mask_losses
from gsam_edge.teachers.outlining.prompts import Prompts, jitter_boxes, mask_targets

CONFIG = MaskLossConfig(dice_weight=1, focal_weight=5, focal_alpha=0.25, focal_gamma=2, bce_weight=2, iou_weight=1)


def losses_of_one(logits, iou, prompts, input_size, config) -> dict[str, torch.Tensor]:
    """Of one mask an object."""
    return mask_losses(logits[:, None], iou[:, None], prompts, input_size, config)


@st.composite
def disc_prompts(draw) -> Prompts:
    count, size = draw(st.integers(1, 3)), 16
    y, x = np.mgrid[:size, :size]
    masks, boxes = [], []
    for _ in range(count):
        cx, cy, r = draw(st.integers(4, 11)), draw(st.integers(4, 11)), draw(st.integers(1, 4))
        masks.append((x - cx) ** 2 + (y - cy) ** 2 <= r * r)
        boxes.append([cx - r, cy - r, cx + r + 1, cy + r + 1])
    return Prompts(torch.tensor(boxes).float() * 4, torch.tensor(np.array(masks)).float())


@settings(max_examples=30, deadline=None)
@given(prompts=disc_prompts())
def test_a_perfect_answer_costs_almost_nothing(prompts):
    logits = (prompts.targets * 2 - 1) * 30
    losses = losses_of_one(logits, torch.ones(len(logits)), prompts, 64, CONFIG)
    assert sum(losses.values()).item() == pytest.approx(0, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(prompts=disc_prompts(), seed=st.integers(0, 1000))
def test_losses_are_scalars_never_negative_and_count_objects_alike(prompts, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(prompts.targets.shape, generator=generator) * 5
    iou = torch.rand(len(logits), generator=generator)
    together = losses_of_one(logits, iou, prompts, 64, CONFIG)
    alone = [
        losses_of_one(
            logits[i : i + 1], iou[i : i + 1], Prompts(prompts.boxes[i : i + 1], prompts.targets[i : i + 1]), 64, CONFIG
        )
        for i in range(len(logits))
    ]
    for name, value in together.items():
        assert value.shape == ()
        assert value >= 0
        assert value.item() == pytest.approx(np.mean([one[name].item() for one in alone]), rel=1e-4)


def test_background_far_away_weighs_as_much_as_the_box_and_no_more():
    """A wrong cell in a small box costs more than one of the many outside."""
    targets = torch.zeros(1, 32, 32)
    targets[0, 4:8, 4:8] = 1
    prompts = Prompts(torch.tensor([[8.0, 8.0, 16.0, 16.0]]), targets)
    right = (targets * 2 - 1) * 20
    inside, outside = right.clone(), right.clone()
    inside[0, 5, 5] = -20
    outside[0, 20, 20] = 20
    config = CONFIG.model_copy(update={"dice_weight": 0, "focal_weight": 0, "iou_weight": 0})
    costs = [losses_of_one(x, torch.ones(1), prompts, 64, config)["bce_loss"].item() for x in (inside, outside)]
    assert costs[0] == pytest.approx(2 * 20 / 16, rel=1e-3)
    assert costs[1] == pytest.approx(2 * 20 / (32 * 32 - 16), rel=1e-3)


def test_the_predicted_iou_is_taught_the_true_one_and_gives_the_masks_no_gradient():
    targets = torch.zeros(1, 8, 8)
    targets[0, :4] = 1
    logits = torch.full((1, 8, 8), -5.0)
    logits[0, :2] = 5
    logits.requires_grad_()
    prompts = Prompts(torch.tensor([[0.0, 0.0, 16.0, 8.0]]), targets)
    loss = losses_of_one(logits, torch.tensor([0.9]), prompts, 16, CONFIG)["iou_loss"]
    assert loss.item() == pytest.approx((0.9 - 0.5) ** 2, rel=1e-5)
    assert not loss.requires_grad


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), fraction=st.floats(0, 0.49), count=st.integers(0, 5))
def test_jittered_boxes_stay_boxes_near_their_own(seed, fraction, count):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 1, (count, 2, 2)) * [90, 50]
    xyxy = np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)
    moved = jitter_boxes(rng, xyxy, fraction, (50, 90))
    size = np.tile(xyxy[:, 2:] - xyxy[:, :2], 2)
    assert moved.shape == xyxy.shape
    assert moved.dtype == np.float32
    assert np.all(np.abs(moved - xyxy) <= fraction * size + 1e-3)
    assert np.all(moved[:, 2:] >= moved[:, :2] - 1e-3)
    assert np.all((moved >= 0) & (moved <= [90, 50, 90, 50]))


def test_targets_are_the_covered_share_of_each_cell_with_nothing_on_the_padding():
    masks = np.zeros((1, 8, 16), bool)
    masks[0, :, :6] = True
    targets = mask_targets(masks, (8, 16), input_size=16, mask_size=4)
    assert targets.shape == (1, 4, 4)
    assert targets[0].tolist() == [[1, 0.5, 0, 0], [1, 0.5, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_targets_of_a_resized_image_keep_its_share():
    masks = np.zeros((2, 40, 80), bool)
    masks[0, :, :40] = True
    targets = mask_targets(masks, (16, 32), input_size=32, mask_size=8)
    assert targets[0, :4].mean().item() == pytest.approx(0.5, abs=0.01)
    assert targets[0, 4:].max() == 0
    assert targets[1].max() == 0


def test_the_focal_loss_is_that_of_retinanet_on_whole_cells():
    """Lin et al. 2017: -alpha_t (1 - p_t)^gamma log p_t, the mean over all cells."""
    logits, targets = torch.randn(2, 8, 8), (torch.rand(2, 8, 8) > 0.6).float()
    prompts = Prompts(torch.tensor([[0.0, 0.0, 16.0, 16.0]]).repeat(2, 1), targets)
    config = CONFIG.model_copy(update={"dice_weight": 0, "bce_weight": 0, "iou_weight": 0})
    losses = losses_of_one(logits, torch.ones(2), prompts, 16, config)
    p_t = torch.where(targets > 0, logits.sigmoid(), 1 - logits.sigmoid())
    alpha_t = torch.where(targets > 0, 0.25, 0.75)
    expected = 5 * (-alpha_t * (1 - p_t) ** 2 * p_t.log()).mean()
    assert losses.keys() == {"focal_loss"}
    assert losses["focal_loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_of_several_masks_the_best_is_taught_and_every_estimate():
    targets = torch.zeros(2, 8, 8)
    targets[0, :4], targets[1, 4:] = 1, 1
    prompts = Prompts(torch.tensor([[0.0, 0.0, 16.0, 8.0], [0.0, 8.0, 16.0, 16.0]]), targets)
    right = (targets * 2 - 1) * 3
    logits = torch.stack([torch.stack([-right[0], right[0]]), torch.stack([right[1], torch.zeros(8, 8)])])
    logits.requires_grad_()
    iou = torch.full((2, 2), 0.5, requires_grad=True)
    losses = mask_losses(logits, iou, prompts, 16, CONFIG)
    best = losses_of_one(right, torch.ones(2), prompts, 16, CONFIG)
    for name in ("dice_loss", "focal_loss", "bce_loss"):
        assert losses[name].item() == pytest.approx(best[name].item(), rel=1e-5)
    sum(losses.values()).backward()
    assert logits.grad.abs().sum((2, 3)).gt(0).tolist() == [[False, True], [True, False]]
    assert iou.grad.ne(0).all()


@pytest.mark.parametrize("left_out", ["dice", "focal", "bce", "iou"])
def test_a_weight_of_0_leaves_a_loss_out(left_out):
    prompts = Prompts(torch.tensor([[0.0, 0.0, 16.0, 16.0]]), torch.ones(1, 8, 8))
    config = CONFIG.model_copy(update={f"{left_out}_weight": 0})
    names = {f"{name}_loss" for name in ("dice", "focal", "bce", "iou") if name != left_out}
    assert losses_of_one(torch.zeros(1, 8, 8), torch.ones(1), prompts, 16, config).keys() == names


def test_losses_that_teach_no_mask_are_refused():
    nothing = {"dice_weight": 0, "focal_weight": 0, "bce_weight": 0}
    with pytest.raises(ValidationError, match="at least one of dice, focal and bce"):
        MaskLossConfig(**(CONFIG.model_dump() | nothing))
