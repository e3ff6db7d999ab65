"""Parameters of Grounding DINO; nothing here imports torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.teachers.config import DetectionConfig, TuningConfig
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.training.config import LoopConfig


class GroundingDinoLossConfig(BaseModel):
    """Weights of the loss, and assignment of objects to the encoder's tokens.

    The matching uses the three weights too, but not `focal_alpha` and `focal_gamma`: the library's matcher compares
    classes by a focal cost with fixed alpha 0.25 and gamma 2.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_weight: float = Field(
        gt=0, description="weight of the focal loss on tokens; a class counts once, however many tokens its name has"
    )
    l1_weight: float = Field(gt=0, description="weight of the L1 distance of boxes (cxcywh, fractions of the image)")
    giou_weight: float = Field(gt=0, description="weight of the generalised IoU loss of boxes")
    focal_alpha: float = Field(
        ge=0, le=1, description="focal loss, not the matching: weight of positive tokens, the negatives get the rest"
    )
    focal_gamma: float = Field(ge=0, description="focal loss, not the matching: how much easy tokens are played down")
    encoder_loss: Literal["two_stage", "dense"] = Field(
        description="how objects teach the encoder's proposals, from which the queries are chosen; two_stage: the "
        "chosen ones are matched to the objects one to one, as in the published training; dense: every token near an "
        "object learns it, without which training from scratch learns nothing"
    )
    encoder_weight: float = Field(gt=0, description="weight of the encoder's loss beside each decoder layer's")
    dense_radius: float = Field(gt=0, description="dense: tokens this near to an object's centre learn it, in strides")
    dense_cells: float = Field(
        gt=0, description="dense: an object longer than so many strides belongs to a coarser level"
    )


class GroundingDinoLoopConfig(LoopConfig):
    """The loop, with the metrics of its validation."""

    monitor: Literal["ap50", "ap75"] = Field(description="class-mean AP at an IoU of 0.5 or 0.75 on validation images")


class GroundingDinoTuningConfig(TuningConfig):
    """Adapter, loss and schedule of the tuning."""

    lora: LoraConfig = Field(description="rank, scale and adapted layers")
    loss: GroundingDinoLossConfig = Field(description="weights of the loss")
    loop: GroundingDinoLoopConfig = Field(description="schedule")
    detection: DetectionConfig = Field(description="what counts as a detection when validating")
    batch_size: int = Field(gt=0, description="images of one step")
    positive_prompt_probability: float = Field(
        ge=0, le=1, description="with classes in several prompts: how often an image's own are preferred to any"
    )


class TinyGroundingDinoConfig(BaseModel):
    """The sizes of a tiny Grounding DINO."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(ge=64, multiple_of=32, description="side of the square network input in pixels")
    backbone_widths: tuple[int, int, int, int] = Field(description="channels of the ResNet stages, stride 4 to 32")
    width: int = Field(gt=0, multiple_of=32, description="d_model of encoder and decoder")
    feed_forward: int = Field(gt=0, description="hidden width of the feed-forward layers")
    heads: int = Field(gt=0, multiple_of=2, description="attention heads of encoder and decoder; the fusion has half")
    encoder_layers: int = Field(gt=0, description="layers that fuse image and text")
    decoder_layers: int = Field(ge=2, description="layers that refine the queries; the library needs two")
    queries: int = Field(gt=0, description="most objects that one pass can find")
    text_width: int = Field(gt=0, description="hidden width of the BERT text encoder")
    text_layers: int = Field(gt=0, description="layers of the BERT text encoder")


class SmallerFirst(BaseModel):
    """A first part of the training with smaller images, where a step costs little."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(ge=64, multiple_of=32, description="side of the scenes and of the input, pixels")
    epochs: int = Field(gt=0, description="the first ones of the loop's")


class PretrainGroundingDinoConfig(BaseModel):
    """Network, training and evaluation of the pretraining."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: TinyGroundingDinoConfig = Field(description="sizes of the network")
    loss: GroundingDinoLossConfig = Field(description="weights of the loss")
    epoch_scenes: int = Field(gt=0, description="scenes of an epoch; they are drawn without end")
    loop: GroundingDinoLoopConfig = Field(description="schedule")
    detection: DetectionConfig = Field(description="what counts as a detection in the held-out measurement")
    smaller_first: SmallerFirst | None = Field(description="smaller images at first, or null")
    batch_size: int = Field(gt=0, description="scenes of one step")
    absent_phrases: int = Field(ge=0, description="most phrases in a prompt that are true of nothing in its image")
    held_out_scenes: int = Field(gt=0, description="scenes of the held-out measurement")
