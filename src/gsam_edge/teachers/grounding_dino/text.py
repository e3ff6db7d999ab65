"""Prompts that a frozen text encoder reads once, not once for every image of every step."""

from typing import Any

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from gsam_edge.teachers.grounding_dino.library import TunableModel


def read_prompts_once(model: TunableModel) -> None:
    """Makes a model remember the features of its prompts, in place, if nothing of its text encoder is trained.

    What it remembered of an earlier call is forgotten.

    The features are computed in evaluation mode and in float32, whatever the mode and the precision of a step: dropout
    would give a frozen encoder other features every time. Names and tensors of the model stay as they are.

    Args:
        model: the text encoder's weights and adapters must not change from now on.
    """
    encoder = model.model.text_backbone
    # Of an earlier call, when the encoder may have had other weights, or no adapters.
    vars(encoder).pop("forward", None)
    if not any(parameter.requires_grad for parameter in encoder.parameters()):
        # The library has no way to hand in a text's features, and a module in between would rename the weights.
        encoder.forward = _ReadOnce(encoder)


class _ReadOnce:
    """The text encoder's `forward` with a memory: a row's features [1, T, D] by its token ids, padding included.

    Each row is computed by itself, so that its features are the same to the last bit in whichever batch it came first:
    a training that is continued computes them anew. There are as many rows as different prompts.
    """

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._known: dict[tuple[int, ...], Tensor] = {}

    def __call__(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor, position_ids: Tensor, **_: Any
    ) -> BaseModelOutput:
        """Encodes int64 [B, T] ids; the attention mask and the positions follow from them, the types are 0."""
        rows = [tuple(row) for row in input_ids.tolist()]
        for number, row in enumerate(rows):
            if row not in self._known:
                one = slice(number, number + 1)
                self._known[row] = self._read(
                    input_ids[one], attention_mask[one], token_type_ids[one], position_ids[one]
                )
        return BaseModelOutput(last_hidden_state=torch.cat([self._known[row] for row in rows]).to(input_ids.device))

    def _read(self, *inputs: Tensor) -> Tensor:
        self._encoder.eval()
        # Tensors made in inference mode could not be used in training afterwards.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(inputs[0].device.type, enabled=False):
            features: Tensor = type(self._encoder).forward(self._encoder, *inputs).last_hidden_state
        return features
