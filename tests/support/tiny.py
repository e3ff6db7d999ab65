"""The smallest teachers and the smallest generated world, for tests in which sizes do not matter."""

from typing import TYPE_CHECKING, Any

from gsam_edge.synthetic.general import GeneralWorldConfig
from gsam_edge.synthetic.workshop import WorkshopConfig
from gsam_edge.synthetic.workshop.optics import OpticsConfig
from gsam_edge.teachers.grounding_dino.config import GroundingDinoLossConfig, TinyGroundingDinoConfig
from gsam_edge.teachers.sam.config import SamArchitecture

if TYPE_CHECKING:
    from gsam_edge.teachers.grounding_dino.model import GroundingDino

TINY_SAM = SamArchitecture(
    image_size=64,
    patch_size=8,
    encoder_width=16,
    encoder_depth=1,
    encoder_heads=2,
    encoder_global_blocks=(0,),
    encoder_window=4,
    encoder_relative_positions=False,
    decoder_width=16,
    decoder_depth=1,
    decoder_heads=2,
    decoder_mlp_width=16,
    iou_head_width=16,
)
TINY_GROUNDING_DINO = TinyGroundingDinoConfig(
    image_size=64,
    backbone_widths=(8, 8, 16, 16),
    width=32,
    feed_forward=32,
    heads=4,
    encoder_layers=1,
    decoder_layers=2,
    queries=10,
    text_width=16,
    text_layers=1,
)
GROUNDING_DINO_LOSS = GroundingDinoLossConfig(
    class_weight=2,
    l1_weight=5,
    giou_weight=2,
    focal_alpha=0.25,
    focal_gamma=2,
    encoder_loss="dense",
    encoder_weight=1,
    dense_radius=1,
    dense_cells=6,
)
SMALL_WORLD = GeneralWorldConfig(
    image_size=64,
    min_objects=1,
    max_objects=3,
    min_extent=0.25,
    max_extent=0.6,
    max_mark_extent=0.3,
    mark_probability=0.1,
    min_visible=0.5,
    texture_probability=0.5,
    colour_probability=0.5,
    texture_word_probability=0.2,
    shadow_probability=0.4,
    light_strength=0.3,
    blur_probability=0.3,
    max_blur=1.0,
    max_noise=0.02,
)
SMALL_WORKSHOP = WorkshopConfig(
    image_size=96,
    min_objects=1,
    max_objects=5,
    min_extent=0.15,
    max_extent=0.5,
    max_flaw_extent=0.3,
    part_probability=0.35,
    flaw_probability=0.25,
    look_alike_probability=0.4,
    min_visible=0.5,
    texture_probability=0.5,
    colour_word_probability=0.6,
    texture_word_probability=0.25,
    direction_word_probability=0.25,
    count_word_probability=0.25,
    shadow_probability=0.5,
    relief_probability=0.5,
    max_cushions=1,
    roller_probability=0.2,
    optics=OpticsConfig(
        light_strength=0.3,
        glare_probability=0.3,
        defocus_probability=0.4,
        max_defocus=1.0,
        motion_probability=0.3,
        max_motion=3.0,
        max_noise=0.03,
    ),
)


def original_grounding_dino(processor: Any) -> "GroundingDino":
    """Returns a small model of the architecture of `IDEA-Research/grounding-dino-tiny`: Swin backbone, four levels."""
    import torch
    from transformers import BertConfig, GroundingDinoConfig, SwinConfig

    from gsam_edge.teachers.grounding_dino.library import TunableGroundingDino
    from gsam_edge.teachers.grounding_dino.model import GroundingDino

    torch.manual_seed(0)
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64,
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=4,
            out_indices=[2, 3, 4],
        ),
        text_config=BertConfig(
            vocab_size=1030, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        ),
        d_model=64,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_queries=10,
    )
    return GroundingDino(TunableGroundingDino(config).eval(), processor, "original")


def full_size_grounding_dino(processor: Any, kind: str = "grounding-dino") -> "GroundingDino":
    """Returns a published architecture at its full size (Swin-T, BERT, 900 queries) with 172 M random weights.

    By its `model_type`: that of `IDEA-Research/grounding-dino-tiny`, or MM Grounding DINO's.
    """
    import torch
    from transformers import GroundingDinoConfig, MMGroundingDinoConfig

    from gsam_edge.teachers.grounding_dino.library import TUNABLE_MODELS
    from gsam_edge.teachers.grounding_dino.model import GroundingDino

    torch.manual_seed(0)
    config = GroundingDinoConfig() if kind == "grounding-dino" else MMGroundingDinoConfig()
    return GroundingDino(TUNABLE_MODELS[kind](config).eval(), processor, "full-size")
