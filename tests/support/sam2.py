"""The smallest SAM 2 with random weights, of the library's classes."""

from typing import Any

import torch
from transformers import Sam2Config, Sam2Model, Sam2Processor, Sam2VideoConfig, Sam2VideoModel
from transformers.models.sam2 import Sam2ImageProcessor

from gsam_edge.teachers.sam2.model import Sam2

SIDE = 64
WIDTH = 32
PARTS: dict[str, Any] = {
    "vision_config": {
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": 8,
            "image_size": [SIDE, SIDE],
            "blocks_per_stage": [1, 1, 2, 1],
            "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 2, 2],
            "window_size_per_stage": [4, 2, 4, 2],
            "window_positional_embedding_background_size": [4, 4],
            "global_attention_blocks": [3],
        },
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": WIDTH,
    },
    "prompt_encoder_config": {"hidden_size": WIDTH, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4},
    "mask_decoder_config": {"hidden_size": WIDTH, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16},
}


def tiny_sam2() -> Sam2:
    """A `Sam2Model` of about 0.1 M parameters for images of 64 px; equal at each call."""
    return Sam2(_random(Sam2Model, Sam2Config(**PARTS)), sam2_processor(), "random")


def tiny_sam2_video() -> Any:
    """The same sizes as the published checkpoints have them: with the memory for videos beside the model."""
    memory = dict.fromkeys(
        (
            "memory_attention_hidden_size", "memory_attention_feed_forward_hidden_size", "memory_encoder_hidden_size",
            "mask_downsampler_embed_dim", "memory_fuser_embed_dim", "memory_fuser_intermediate_dim",
        ),
        WIDTH,
    )  # fmt: skip
    config = Sam2VideoConfig(
        **PARTS,
        **memory,
        image_size=SIDE,
        memory_attention_num_layers=1,
        memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_output_channels=8,
    )
    return _random(Sam2VideoModel, config)


def sam2_processor() -> Any:
    """The library's processor for images of 64 px."""
    return Sam2Processor(Sam2ImageProcessor(size={"height": SIDE, "width": SIDE}))


def _random(kind: Any, config: Any) -> Any:
    torch.manual_seed(0)
    model = kind(config).eval().requires_grad_(False)
    # Fresh weights of the library are so small that all boxes get the same mask.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("mask_decoder") and parameter.ndim > 1:
                parameter.mul_(10)
    return model
