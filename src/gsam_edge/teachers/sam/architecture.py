"""The sizes of a Segment Anything Model (Kirillov et al. 2023, arXiv:2304.02643), made of segment_anything's classes.

Every size, the published ViT-B, -L and -H as well as the tiny one of this project, is one `SamArchitecture`.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor, nn

from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.sam.config import SamArchitecture

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

#: Mean and standard deviation of ImageNet's colours, 0..255, by which every SAM's input is normalised.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def _published(width: int, depth: int, heads: int, global_blocks: tuple[int, ...]) -> SamArchitecture:
    return SamArchitecture(
        image_size=1024,
        patch_size=16,
        encoder_width=width,
        encoder_depth=depth,
        encoder_heads=heads,
        encoder_global_blocks=global_blocks,
        encoder_window=14,
        encoder_relative_positions=True,
        decoder_width=256,
        decoder_depth=2,
        decoder_heads=8,
        decoder_mlp_width=2048,
        iou_head_width=256,
    )


#: The three checkpoints that Meta published, by the name in their file names.
PUBLISHED: Mapping[str, SamArchitecture] = {
    "vit_b": _published(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": _published(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": _published(1280, 32, 16, (7, 15, 23, 31)),
}


def recognise(state: Mapping[str, Tensor]) -> str:
    """Returns which published SAM a state dict belongs to, by its image encoder's width and depth.

    Raises:
        BaseModelError: if it is none of them.
    """
    patch = state.get("image_encoder.patch_embed.proj.weight")
    blocks = {name.split(".")[2] for name in state if name.startswith("image_encoder.blocks.")}
    found = (None if patch is None else patch.shape[0], len(blocks))
    known = {name: (size.encoder_width, size.encoder_depth) for name, size in PUBLISHED.items()}
    for name, sizes in known.items():
        if sizes == found:
            return name
    raise BaseModelError(f"expected a SAM image encoder of (width, depth) {known}, got {found}")


def build_sam(architecture: SamArchitecture) -> "Sam":
    """Builds a SAM with random weights, in evaluation mode, structured like segment_anything's `build_sam`."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    size = architecture
    sam = Sam(
        image_encoder=ImageEncoderViT(
            img_size=size.image_size,
            patch_size=size.patch_size,
            embed_dim=size.encoder_width,
            depth=size.encoder_depth,
            num_heads=size.encoder_heads,
            mlp_ratio=4,
            out_chans=size.decoder_width,
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=size.encoder_relative_positions,
            window_size=size.encoder_window,
            global_attn_indexes=size.encoder_global_blocks,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=size.decoder_width,
            image_embedding_size=(size.grid, size.grid),
            input_image_size=(size.image_size, size.image_size),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=size.decoder_depth,
                embedding_dim=size.decoder_width,
                mlp_dim=size.decoder_mlp_width,
                num_heads=size.decoder_heads,
            ),
            transformer_dim=size.decoder_width,
            iou_head_depth=3,
            iou_head_hidden_dim=size.iou_head_width,
        ),
        pixel_mean=list(PIXEL_MEAN),
        pixel_std=list(PIXEL_STD),
    )
    return sam.eval()
