"""The library's Grounding DINO models, made ready for adapters and for training from scratch."""

from torch import nn
from transformers import GroundingDinoForObjectDetection, MMGroundingDinoForObjectDetection
from transformers.models.mm_grounding_dino.modeling_mm_grounding_dino import replace_batch_norm


class TunableMMGroundingDino(MMGroundingDinoForObjectDetection):
    """An `MMGroundingDinoForObjectDetection` that peft accepts."""

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings of the text encoder, which peft asks every model for."""
        return self.model.text_backbone.get_input_embeddings()


class TunableGroundingDino(GroundingDinoForObjectDetection):
    """A `GroundingDinoForObjectDetection` that peft accepts."""

    def get_input_embeddings(self) -> nn.Module:
        """The word embeddings of the text encoder, which peft asks every model for."""
        return self.model.text_backbone.get_input_embeddings()


def thaw_backbone(model: TunableMMGroundingDino) -> None:
    """Make the image backbone trainable, in place: living batch norms in place of the library's frozen ones.

    The library freezes both, for backbones that arrive pretrained; without statistics of its own a deep network learns
    badly from scratch. `freeze_backbone` turns it back.
    """
    _revive_batch_norm(model.model.backbone)
    model.requires_grad_(True)


def freeze_backbone(model: TunableMMGroundingDino) -> None:
    """Fix the batch norms' statistics and scales, in place, in the form in which the library stores and loads them."""
    replace_batch_norm(model.model.backbone)


def _revive_batch_norm(module: nn.Module) -> None:
    for name, child in module.named_children():
        if type(child).__name__ == "MMGroundingDinoFrozenBatchNorm2d":
            living = nn.BatchNorm2d(len(child.weight), device=child.weight.device)
            living.load_state_dict(dict(child.state_dict()), strict=False)
            setattr(module, name, living)
        _revive_batch_norm(child)
