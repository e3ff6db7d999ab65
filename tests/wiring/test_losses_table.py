"""Every entry of `distill.losses.LOSSES` is whole: it computes what it says, has a weight and a line in the docs."""

from pathlib import Path

import pytest
import torch
import yaml
from pydantic import ValidationError

from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES
from gsam_edge.students.raw import StudentRaw, Targets

ROOT = Path(__file__).parents[2]
PARAMETERS = yaml.safe_load((ROOT / "conf" / "base" / "parameters_distillation.yml").read_text(encoding="utf-8"))


def test_the_weights_are_those_of_the_table():
    """In the model, where a name that is none is refused before anything runs, and in conf/base.

    `detection` weighs the student's own loss, which stands in no table.
    """
    assert list(LossWeights.model_fields) == ["detection", *LOSSES]
    weights = PARAMETERS["distillation"]["losses"]
    assert list(weights) == list(LossWeights.model_fields)
    with pytest.raises(ValidationError, match=r"detections\n.*Extra inputs are not permitted"):
        LossWeights(**weights, detections=0.1)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_keeps_its_contract(name):
    """Its answer is one finite number with a gradient, also without objects."""
    loss = LOSSES[name]
    logits = torch.randn(2, 5, 3, requires_grad=True)
    raw = StudentRaw(class_logits=logits, box_logits=torch.randn(2, 5, 64, requires_grad=True))
    some, none = [[True, True, False, True, False], [False] * 5], [[False] * 5] * 2
    for objects, foreground in ((4, some), (0, none)):
        is_object = torch.tensor(foreground)
        targets = Targets(
            foreground=is_object,
            object_index=torch.arange(10).reshape(2, 5).clamp(max=objects),
            class_targets=is_object[..., None] * torch.tensor([0.0, 0.7, 0.0]),
            has_mask=torch.ones(objects, dtype=torch.bool),
        )
        answer = loss(raw, targets)
        assert answer.shape == ()
        assert answer.isfinite()
        assert answer.requires_grad


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_name_of_its_own_and_a_line_in_the_docs(name):
    assert name not in {"box", "seg", "cls", "dfl"}, "the student's own losses have these names"
    assert f"| `{name}` |" in (ROOT / "docs" / "extending" / "loss.md").read_text(encoding="utf-8")
