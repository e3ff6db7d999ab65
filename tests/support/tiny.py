"""The smallest teachers and the smallest world, for tests in which sizes do not matter."""

from gsam_edge.synthetic.general import GeneralWorldConfig
from gsam_edge.teachers.grounding_dino_config import TinyGroundingDinoConfig
from gsam_edge.teachers.sam_config import SamArchitecture

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
