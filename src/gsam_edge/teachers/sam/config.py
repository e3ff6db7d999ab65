"""Parameters of SAM; nothing here imports torch."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsam_edge.teachers.outlining.config import MaskLossConfig, OutliningLoopConfig


class SamArchitecture(BaseModel):
    """Sizes of image encoder, prompt encoder and mask decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(
        gt=0, description="side of the square input; an image's longest side is resized to it, pixels"
    )
    patch_size: int = Field(gt=0, description="side of the patch that becomes one token of the image encoder, pixels")
    encoder_width: int = Field(gt=0, description="channels of the image encoder's tokens")
    encoder_depth: int = Field(gt=0, description="transformer blocks of the image encoder")
    encoder_heads: int = Field(gt=0, description="attention heads of each block")
    encoder_global_blocks: tuple[int, ...] = Field(description="blocks that attend to the whole image, counted from 0")
    encoder_window: int = Field(gt=0, description="side of the window that the other blocks attend in, tokens")
    encoder_relative_positions: bool = Field(description="whether attention adds learnt relative positions")
    decoder_width: int = Field(gt=0, description="channels of image embedding, prompts and mask decoder")
    decoder_depth: int = Field(gt=0, description="two-way transformer blocks of the mask decoder")
    decoder_heads: int = Field(gt=0, description="attention heads of the mask decoder")
    decoder_mlp_width: int = Field(gt=0, description="hidden channels of the mask decoder's MLPs")
    iou_head_width: int = Field(gt=0, description="hidden channels of the head that predicts a mask's IoU")

    @model_validator(mode="after")
    def _sizes_divide(self) -> Self:
        """Checks that heads divide the channels; the decoder's cross-attention has half, its upscaling an eighth."""
        divisions = {
            "image_size by patch_size": (self.image_size, self.patch_size),
            "encoder_width by encoder_heads": (self.encoder_width, self.encoder_heads),
            "decoder_width by 2 x decoder_heads": (self.decoder_width, 2 * self.decoder_heads),
            "decoder_width by 8": (self.decoder_width, 8),
        }
        for what, (whole, part) in divisions.items():
            if whole % part:
                raise ValueError(f"expected to divide {what}, got {whole} and {part}")
        return self

    @property
    def grid(self) -> int:
        """Side of the image embedding in tokens."""
        return self.image_size // self.patch_size

    @property
    def mask_size(self) -> int:
        """Side of the mask decoder's output, which two transposed convolutions upscale from the embedding."""
        return 4 * self.grid


class SamStage(BaseModel):
    """One part of the pretraining, at one input size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(gt=0, description="side of SAM's input and of the scenes drawn for it, pixels")
    loop: OutliningLoopConfig = Field(description="schedule")
    batch_size: int = Field(gt=0, description="scenes of one step, drawn anew")
    objects_per_image: int = Field(gt=0, description="most objects of a scene prompted in one step")


class PretrainSamConfig(BaseModel):
    """Architecture, training and evaluation of the tiny SAM.

    Stages with small inputs come first: box prompts and edges are learnt there at a fraction of the cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: SamArchitecture = Field(description="sizes; the last stage works at its image size")
    epoch_scenes: int = Field(gt=0, description="scenes of an epoch in every stage; they are drawn without end")
    stages: tuple[SamStage, ...] = Field(min_length=1, description="one after the other, with the same weights")
    loss: MaskLossConfig = Field(description="weights of the loss")
    box_jitter: float = Field(ge=0, lt=0.5, description="most a prompt's side moves, fraction of its width or height")
    validation_images: int = Field(gt=0, description="scenes that choose the best weights of a stage")
    held_out_images: int = Field(gt=0, description="further scenes, for the report")

    @model_validator(mode="after")
    def _stages_lead_to_the_architecture(self) -> Self:
        sizes = [stage.image_size for stage in self.stages]
        if sizes[-1] != self.architecture.image_size:
            raise ValueError(f"expected the last stage at image_size {self.architecture.image_size}, got {sizes}")
        return self
