"""The smallest SAM 3 with random weights, of the library's classes."""

from string import ascii_lowercase
from typing import Any

import torch
from transformers import CLIPTokenizer, Sam3Config, Sam3Model, Sam3Processor
from transformers.models.sam3 import Sam3ImageProcessor

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.sam3.config import Sam3LoopConfig, Sam3LossConfig, Sam3TuningConfig
from gsam_edge.teachers.sam3.model import Sam3
from support.loops import loop_config

SIDE = 56
WIDTH = 32
DETECTION = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=0.9, max_detections=20, batch_size=2)
TUNING = Sam3TuningConfig(
    lora=LoraConfig(
        r=2,
        alpha=4,
        dropout=0,
        frozen=(),
        max_share=0.9,
        targets=r"^((detr_encoder|detr_decoder)\.layers\..*(_proj|fc1|fc2)|mask_decoder\.(prompt_cross_attn\..*_proj|mask_embedder\.layers\.\d+|instance_projection))$",
    ),
    loss=Sam3LossConfig(
        class_weight=2,
        l1_weight=5,
        giou_weight=2,
        presence_weight=10,
        focal_alpha=0.25,
        focal_gamma=2,
        mask_weight=20,
        dice_weight=1,
    ),
    loop=loop_config(Sam3LoopConfig, epochs=1, min_steps=2, learning_rate=1e-2, gradient_clip=10, monitor="ap50"),
    augmentation=None,
    detection=DETECTION,
    batch_size=2,
    classes_per_image=2,
    absent_probability=0.5,
)


def tiny_sam3() -> Sam3:
    """A `Sam3Model` of about 0.2 M parameters for images of 56 px and names of small letters; equal at each call."""
    torch.manual_seed(0)
    sizes = {"hidden_size": WIDTH, "num_attention_heads": 2, "intermediate_size": 32}
    config = Sam3Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam3_vit_model",
                "hidden_size": 16,
                "intermediate_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_size": SIDE,
                "pretrain_image_size": SIDE // 2,
                "window_size": 2,
                "global_attn_indexes": [1],
            },
            "fpn_hidden_size": WIDTH,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        text_config={
            "model_type": "clip_text_model",
            "vocab_size": 54,
            "hidden_size": 16,
            "intermediate_size": 32,
            "projection_dim": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
            "bos_token_id": 52,
            "eos_token_id": 53,
        },
        geometry_encoder_config={**sizes, "num_layers": 1},
        detr_encoder_config={**sizes, "num_layers": 2},
        detr_decoder_config={**sizes, "num_layers": 2, "num_queries": 8},
        mask_decoder_config={"hidden_size": WIDTH, "num_attention_heads": 2},
    )
    model = Sam3Model(config).eval().requires_grad_(False)
    # Fresh weights of the library are so small that all names and images get the same answer.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(2 if name.startswith("vision_encoder") else 5)
            # Else no adapter below this head, which is frozen, could move its answer by more than 0.1.
            if name.startswith("detr_decoder.presence_head") and parameter.ndim > 1:
                parameter.mul_(5)
    return Sam3(model, sam3_processor(), "random")


def sam3_processor() -> Any:
    """The library's processor for images of 56 px, with a token for each small letter."""
    letters = [letter + end for end in ("", "</w>") for letter in ascii_lowercase]
    vocabulary = {token: row for row, token in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[])
    return Sam3Processor(Sam3ImageProcessor(size={"height": SIDE, "width": SIDE}), tokenizer)
