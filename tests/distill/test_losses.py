"""What each distillation loss asks of a student."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES, asked_maps, feature, logit, segmentation, weighted_losses
from gsam_edge.training.errors import SettingError
from support.plain import CONFIG, LEVELS, outputs, targets

NONE = dict.fromkeys(LOSSES, 0.0) | {"detection": 1.0}


def test_logit_is_the_quality_focal_loss_and_the_giou_of_the_anchors_that_it_takes():
    """Anchor by anchor in plain words, with all anchors taken: the best half and as many others."""
    student, teacher = outputs(), targets()
    config = CONFIG.model_copy(update={"top_share": 0.5})
    cost = score_sum = box_cost = box_sum = 0.0
    for image in range(2):
        for anchor in range(sum(LEVELS)):
            known = [c for c in range(3) if not teacher.scores[image, anchor, c].isnan()]
            for c in known:
                t, s = teacher.scores[image, anchor, c], student.class_logits[image, anchor, c].sigmoid()
                cost += float((t - s.detach()) ** 2 * -(t * s.log() + (1 - t) * (1 - s).log()).detach())
                score_sum += float(t)
            best = max((float(teacher.scores[image, anchor, c]) for c in known), default=0.0)
            if best > 0.3:
                box_cost += best * (1 - giou(student.boxes[image, anchor].detach(), teacher.boxes[image, anchor]))
                box_sum += best
    assert float(logit(student, teacher, config)) == pytest.approx(cost / score_sum + box_cost / box_sum, rel=1e-4)


def giou(a: torch.Tensor, b: torch.Tensor) -> float:
    """Of two boxes (Rezatofighi et al. 2019, arXiv:1902.09630)."""
    both = float((torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod())
    hull = float((torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])).prod())
    union = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - both
    return both / union - (hull - union) / hull


def test_logit_takes_the_best_anchors_of_each_image_and_as_many_others():
    """Those that it takes get a gradient: of 84 anchors five, and five others that another seed draws anew."""
    teacher, taken = targets(), []
    for seed in (0, 1):
        torch.manual_seed(3)
        student = outputs()
        torch.manual_seed(seed)
        logit(student, teacher, CONFIG).backward()
        taken.append(student.class_logits.grad.any(-1))
        assert (taken[-1].sum(1) == 10).all()
        best = teacher.scores.nan_to_num(-1).amax(-1).topk(5, dim=1).indices
        assert taken[-1].gather(1, best).all()
    assert not torch.equal(*taken)


def test_logit_as_a_divergence_is_that_of_the_softened_scores():
    """Between two Bernoulli distributions, by PyTorch's own divergence."""
    student, teacher = outputs(), targets()
    config = CONFIG.model_copy(update={"top_share": 0.5, "logit_form": "divergence", "box_score": 0.9999})
    known = ~teacher.scores.isnan()
    t, s = teacher.scores[known].logit() / 4, student.class_logits[known] / 4
    softened = [torch.distributions.Bernoulli(logits=logits) for logits in (t, s)]
    expected = 16 * torch.distributions.kl_divergence(*softened).sum() / teacher.scores[known].sum()
    torch.testing.assert_close(logit(student, teacher, config), expected, rtol=1e-4, atol=1e-5)


def test_feature_is_one_minus_pearsons_correlation_where_all_places_count_alike():
    """By NumPy's correlation of each channel of each level, over both images."""
    student, teacher = outputs(), replace(targets(), scores=torch.ones(2, sum(LEVELS), 3))
    expected = []
    for ours, theirs in zip(student.features.split(LEVELS, 1), teacher.features.split(LEVELS, 1), strict=True):
        pairs = zip(ours.flatten(0, 1).T, theirs.flatten(0, 1).T, strict=True)
        expected.append(torch.stack([1 - torch.stack(pair).corrcoef()[0, 1] for pair in pairs]).mean())
    torch.testing.assert_close(feature(student, teacher, CONFIG), torch.stack(expected).mean(), rtol=1e-4, atol=1e-5)


def test_feature_does_not_teach_scale_or_offset_and_looks_where_the_teacher_does():
    student, teacher = outputs(), targets()
    same = replace(student, features=teacher.features * 3 + 7)
    assert float(feature(same, teacher, CONFIG)) == pytest.approx(0, abs=1e-4)
    spoilt = teacher.features.clone()
    spoilt[0, 0] += 5
    blind = replace(teacher, scores=teacher.scores.clone())
    blind.scores[0, 0] = 0
    seen, unseen = (float(feature(replace(student, features=spoilt), one, CONFIG)) for one in (teacher, blind))
    assert seen > 1.2 * unseen


def test_feature_fades_out():
    """From its full value over half of it to nothing, at half of the training."""
    student, teacher = outputs(), targets()
    full, half, none, after = (
        float(feature(student, replace(teacher, progress=progress), CONFIG)) for progress in (0, 0.25, 0.5, 0.9)
    )
    assert half == pytest.approx(full / 2)
    assert (none, after) == (0, 0)


def test_segmentation_is_the_cross_entropy_inside_the_box_at_the_anchors_that_fit_best():
    """Of the first object alone: a person drew the second. One anchor fits, nine others follow."""
    student, teacher = outputs(), targets()
    box = teacher.object_boxes[0]
    inside = [i for i, (x, y) in enumerate(student.anchors.tolist()) if 0.1 < x < 0.6 and 0.1 < y < 0.5]
    overlaps = {i: iou(student.boxes[0, i].detach(), box) for i in inside}
    best = sorted(inside, key=lambda i: -overlaps[i])[:10]
    # The box's edges, 1.6 to 9.6 and 1.6 to 8 cells, touch the cells 1 to 9 and 1 to 7.
    window = (slice(1, 8), slice(1, 10))
    wanted = teacher.mask_logits[0].sigmoid()[window]
    expected = []
    for anchor in best:
        drawn = sum(c * p for c, p in zip(student.mask_coefficients[0, anchor], student.prototypes[0], strict=True))
        expected.append(functional.binary_cross_entropy(drawn.sigmoid()[window], wanted))
    answer = segmentation(student, teacher, CONFIG)
    # All ten weigh 0.5.
    torch.testing.assert_close(answer, torch.stack(expected).mean(), rtol=1e-4, atol=1e-5)


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    both = float((torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod())
    return both / (float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - both)


def test_without_objects_of_teachers_segmentation_costs_nothing():
    student, teacher = outputs(), replace(targets(), object_weights=torch.zeros(2))
    answer = segmentation(student, teacher, CONFIG)
    answer.backward()
    assert float(answer) == 0
    assert not student.prototypes.grad.any()


def test_segmentation_of_a_student_without_masks_says_what_to_set():
    boxes_only = replace(outputs(), mask_coefficients=None, prototypes=None)
    with pytest.raises(SettingError, match=r"expected segmentation 0 for a student without masks; set it to 0, or"):
        segmentation(boxes_only, targets(), CONFIG)


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_alone_moves_the_student_toward_the_teacher(name):
    """Free outputs and the loss alone: what it teaches ends nearer to the teacher than it began."""
    student, teacher = outputs(), targets()
    config = CONFIG.model_copy(update={"top_share": 0.5})
    (_, loss) = weighted_losses(LossWeights(**NONE | {name: 1.0}), config)[name]
    learnt = {
        "logit": ("class_logits", "boxes"),
        "feature": ("features",),
        "segmentation": ("mask_coefficients", "prototypes"),
    }[name]

    def distance() -> float:
        if name == "logit":
            known = ~teacher.scores.isnan()
            return float((student.class_logits.sigmoid() - teacher.scores)[known].abs().mean().detach())
        if name == "feature":
            return float(feature(student, replace(teacher, scores=torch.ones(2, sum(LEVELS), 3)), CONFIG).detach())
        best = student.mask_coefficients[0, student.anchors.sub(torch.tensor([0.35, 0.3])).norm(dim=1).argmin()]
        drawn = torch.einsum("m,mhw->hw", best, student.prototypes[0]).sigmoid()
        return float((drawn - teacher.mask_logits[0].sigmoid())[1:8, 1:10].abs().mean().detach())

    before = distance()
    optimizer = torch.optim.Adam([getattr(student, each) for each in learnt], lr=0.02)
    for step in range(200):
        optimizer.zero_grad()
        loss(student, teacher).backward()
        if not step:
            assert all(getattr(student, each).grad.any() for each in learnt)
        optimizer.step()
    assert distance() < before / 2


def test_a_loss_without_weight_is_left_out_and_asks_for_nothing():
    assert weighted_losses(LossWeights(**NONE), CONFIG) == {}
    assert asked_maps(LossWeights(**NONE)) == {}
    both = LossWeights(**NONE | {"logit": 0.3, "feature": 2.0})
    assert {name: weight for name, (weight, _) in weighted_losses(both, CONFIG).items()} == {"logit": 0.3, "feature": 2}
    assert asked_maps(both) == {"finder": ("boxes", "features", "scores")}
