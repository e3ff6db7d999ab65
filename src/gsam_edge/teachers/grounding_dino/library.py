"""The library's Grounding DINO models, made ready for adapters and for training from scratch."""

from typing import TypeAlias

import torch
from torch import nn
from transformers import GroundingDinoForObjectDetection, MMGroundingDinoForObjectDetection
from transformers.models.mm_grounding_dino.modeling_mm_grounding_dino import (
    MMGroundingDinoFrozenBatchNorm2d,
    replace_batch_norm,
)


class TunableGroundingDino(GroundingDinoForObjectDetection):  # type: ignore[misc]
    """A `GroundingDinoForObjectDetection` that peft accepts."""

    def get_input_embeddings(self) -> nn.Embedding:
        """Returns the word embeddings of the text encoder; peft needs them of every model."""
        return self.model.text_backbone.get_input_embeddings()


class TunableMMGroundingDino(MMGroundingDinoForObjectDetection):  # type: ignore[misc]
    """An `MMGroundingDinoForObjectDetection` that peft accepts."""

    def get_input_embeddings(self) -> nn.Embedding:
        """Returns the word embeddings of the text encoder; peft needs them of every model."""
        return self.model.text_backbone.get_input_embeddings()


TunableModel: TypeAlias = TunableGroundingDino | TunableMMGroundingDino

#: Model classes by the `model_type` of their configuration.
TUNABLE_MODELS: dict[str, type[TunableModel]] = {
    "grounding-dino": TunableGroundingDino,
    "mm-grounding-dino": TunableMMGroundingDino,
}


def thaw_backbone(model: TunableModel) -> None:
    """Makes the image backbone trainable, in place, with trainable batch norms instead of the library's frozen ones.

    The library freezes both, since it expects pretrained backbones; without its own statistics a deep network learns
    badly from scratch. `freeze_backbone` reverts this.
    """
    _revive_batch_norm(model.model.backbone)
    model.requires_grad_(True)


def freeze_backbone(model: TunableModel) -> None:
    """Freezes all weights and replaces the batch norms by the library's frozen ones, as it stores them, in place."""
    with torch.no_grad():
        replace_batch_norm(model.model.backbone)
    model.requires_grad_(False)


def _revive_batch_norm(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, MMGroundingDinoFrozenBatchNorm2d):
            living = nn.BatchNorm2d(len(child.weight), device=child.weight.device)
            living.load_state_dict(dict(child.state_dict()), strict=False)
            setattr(module, name, living)
        _revive_batch_norm(child)
