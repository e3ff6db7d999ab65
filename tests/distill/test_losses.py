"""What each distillation loss asks of a student."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES, class_scores, weighted_losses
from gsam_edge.students.raw import StudentRaw, Targets

NAN = float("nan")
#: One image with three anchors: the first is assigned to object 1, the second to object 0, the third is background.
FIT = torch.tensor([0.8, 0.5, 0.0])
TARGETS = Targets(
    foreground=torch.tensor([[True, True, False]]),
    object_index=torch.tensor([[1, 0, 1]]),
    class_targets=torch.tensor([[[0.0, 0.8], [0.5, 0.0], [0.0, 0.0]]]),
    teacher_scores=torch.tensor([[0.6, NAN], [0.3, 0.4]]),
    has_mask=torch.tensor([True, True]),
)


def raw(class_logits: torch.Tensor) -> StudentRaw:
    return StudentRaw(class_logits, torch.zeros(1, 3, 64))


def test_class_scores_are_as_sure_as_the_anchor_fits_its_object():
    """The truth stays in the background and at a class of which the teacher says nothing."""
    said = class_scores(raw(torch.zeros(1, 3, 2)), TARGETS)
    torch.testing.assert_close(said, torch.tensor([[[0.8 * 0.3, 0.8 * 0.4], [0.5 * 0.6, 0.0], [0.0, 0.0]]]))


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_alone_moves_the_student_toward_the_teacher(name):
    """Free logits, the loss alone with all the weight: they end nearer to the teacher's scores than they began."""
    loss = LOSSES[name]
    logits = torch.zeros(1, 3, 2, requires_grad=True)
    wanted = (FIT[:, None] if loss.effect == "class_targets" else 1) * TARGETS.at_anchors(TARGETS.teacher_scores)[0]
    asked = TARGETS.foreground[0][:, None] & ~wanted.isnan()

    def distance() -> float:
        return float((logits[0].sigmoid() - wanted)[asked].abs().max().detach())

    before = distance()
    optimizer = torch.optim.SGD([logits], lr=1.0)
    for _ in range(200):
        answer = loss.compute(raw(logits), TARGETS)
        value = answer if loss.effect == "added" else binary_cross_entropy_with_logits(logits, answer, reduction="sum")
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert distance() < before / 4


def test_a_loss_without_weight_is_left_out():
    none = dict.fromkeys(LOSSES, 0.0)
    assert weighted_losses(LossWeights(**none)) == {}
    given = weighted_losses(LossWeights(**none | {"class_scores": 0.3}))
    assert given == {"class_scores": (0.3, LOSSES["class_scores"])}
