"""Every entry of `distill.losses.LOSSES` is whole: it computes what it says, has a weight and a line in the docs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from pydantic import ValidationError

from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES
from support.plain import CONFIG, outputs, targets

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
    """Its answer is one finite number with a gradient, also without objects or a word of the teacher."""
    said = targets()
    silent = replace(said, scores=torch.full_like(said.scores, torch.nan), boxes=torch.full_like(said.boxes, torch.nan))
    nothing = torch.zeros(0)
    empty = replace(
        said,
        mask_logits=nothing.reshape(0, 16, 16),
        object_image=nothing.long(),
        object_boxes=nothing.reshape(0, 4),
        object_weights=nothing,
    )
    for given in (said, silent, empty):
        answer = LOSSES[name].compute(outputs(), given, CONFIG)
        assert answer.shape == ()
        assert answer.isfinite()
        assert answer.requires_grad
        answer.backward()


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_has_a_name_of_its_own_and_a_line_in_the_docs(name):
    assert name not in {"box", "seg", "cls", "dfl"}, "the student's own losses have these names"
    for page in ("losses.md", "extending/loss.md"):
        assert f"| `{name}` |" in (ROOT / "docs" / page).read_text(encoding="utf-8")
