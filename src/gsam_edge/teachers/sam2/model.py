"""SAM 2 prompted with boxes: loads it, embeds images, predicts the masks of boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import Sam2Model, Sam2Processor

from gsam_edge.teachers.outlining.model import Features, model_device
from gsam_edge.teachers.pretrained import load_pretrained, require_input_size

#: Saved models that are a `Sam2Model`, or hold one beside a memory for videos: the published SAM 2 and 2.1 do.
_MODELS = {"sam2": Sam2Model, "sam2_video": Sam2Model}


@dataclass(frozen=True)
class Sam2:
    """A SAM 2 that is prompted with boxes (`outlining.model.PromptableModel`).

    Where one mask is asked for, it is always the first of the decoder's four, which tuning trains. The library would
    replace it by one of the others where small shifts of the threshold change it much (`dynamic_multimask`), and only
    outside of training.

    Attributes:
        model: a `Sam2Model`, plain or with an adapter on it.
        processor: the library's `Sam2Processor`.
        name: the Hugging Face id or folder name it came from.
    """

    model: Any
    processor: Any
    name: str

    @property
    def encoder(self) -> nn.Module:
        """See `PromptableModel.encoder`; two convolutions of the mask decoder already belong to the embedding."""
        decoder = self.model.mask_decoder
        constant = nn.ParameterList([self.model.no_memory_embedding])
        return nn.ModuleList([self.model.vision_encoder, decoder.conv_s0, decoder.conv_s1, constant])

    @property
    def input_size(self) -> int:
        """See `PromptableModel.input_size`."""
        return int(self.model.prompt_encoder.input_image_size)

    @property
    def settings(self) -> dict[str, Any]:
        """See `PromptableModel.settings`."""
        prepares: dict[str, Any] = self.processor.image_processor.to_dict()
        return prepares

    @property
    def mask_size(self) -> int:
        """See `PromptableModel.mask_size`."""
        return int(self.model.prompt_encoder.mask_input_size[0])

    def input_hw(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        """See `PromptableModel.input_hw`; an image of any shape is stretched to the whole square."""
        return self.input_size, self.input_size

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `PromptableModel.embed`; prepares images as `Sam2Processor` does.

        Returns:
            `level_0`, `level_1` ..., from fine to coarse, [B, C, h, w] each. `Sam2Model.get_image_embeddings` returns
            the same, without gradients.
        """
        inputs = self.processor.image_processor(list(images), input_data_format="channels_last", return_tensors="pt")
        features = self.model.get_image_features(inputs["pixel_values"].to(model_device(self)), return_dict=True)
        levels = list(features.fpn_hidden_states)  # [h * w, B, C] each
        levels[-1] = levels[-1] + self.model.no_memory_embedding
        sizes = self.model.backbone_feature_sizes
        return {
            f"level_{i}": level.permute(1, 2, 0).reshape(len(images), -1, *size)
            for i, (level, size) in enumerate(zip(levels, sizes, strict=True))
        }

    def decode(self, features: Features, boxes: Tensor, *, multimask: bool) -> tuple[Tensor, Tensor]:
        """See `PromptableModel.decode`."""
        levels = [features[f"level_{i}"] for i in range(len(features))]
        images = len(levels[-1])
        prompts = boxes.reshape(images, -1, 4)  # the library takes the same number of boxes for each image
        # The encodings of positions are sines of large numbers, which half precision would spoil.
        with torch.autocast(boxes.device.type, enabled=False):
            sparse, dense = self.model.prompt_encoder(None, None, prompts, None)
            positions = self.model.get_image_wide_positional_embeddings()
        logits, iou, _, _ = self.model.mask_decoder(
            image_embeddings=levels[-1],
            image_positional_embeddings=positions.expand(images, -1, -1, -1),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask,
            high_resolution_features=levels[:-1],
        )
        return logits.flatten(0, 1), iou.flatten(0, 1)

    def full_masks(self, logits: Tensor, image_hw: tuple[int, int]) -> Tensor:
        """See `PromptableModel.full_masks`; computes them as `Sam2Processor.post_process_masks` does."""
        full = functional.interpolate(logits[:, None].float(), image_hw, mode="bilinear", align_corners=False)
        return full[:, 0] > 0

    def save(self, folder: Path) -> None:
        """Writes the model (safetensors) and its processor as a folder that `load_sam2` reads."""
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)


def load_sam2(id_or_folder: str, *, allow_download: bool = False) -> Sam2:
    """Loads a SAM 2 of transformers from a folder or by its Hugging Face id, such as "facebook/sam2.1-hiera-base-plus".

    Raises:
        FileNotFoundError, BaseModelError: see `load_pretrained`.
    """
    model, processor = load_pretrained("SAM 2", id_or_folder, _MODELS, Sam2Processor, allow_download=allow_download)
    model.mask_decoder.dynamic_multimask_via_stability = False
    sam = Sam2(model.requires_grad_(False), processor, Path(id_or_folder).name)
    require_input_size(f"SAM 2 {id_or_folder}", processor, sam.input_size)
    return sam
