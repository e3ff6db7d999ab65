"""Parameters of teachers that draw the masks of boxes; nothing here imports torch."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsam_edge.teachers.config import TuningConfig
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.training.config import LoopConfig


class MaskLossConfig(BaseModel):
    """Weights of the losses; one with weight 0 is left out.

    Dice (Milletari et al. 2016, arXiv:1606.04797) weights all objects equally. The focal loss (Lin et al. 2017,
    arXiv:1708.02002) is the mean over all cells, as Segment Anything trains it (Kirillov et al. 2023, arXiv:2304.02643,
    appendix A: focal 20, Dice 1, IoU 1). The binary cross-entropy is its mean inside the prompt box plus its mean
    outside: over the whole image the background would outweigh a small object.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dice_weight: float = Field(ge=0, description="of the Dice loss")
    focal_weight: float = Field(ge=0, description="of the focal loss")
    focal_alpha: float = Field(ge=0, le=1, description="share of the focal loss that cells of the object have")
    focal_gamma: float = Field(ge=0, description="how much the focal loss weights down easy cells")
    bce_weight: float = Field(ge=0, description="of the binary cross-entropy")
    iou_weight: float = Field(ge=0, description="of the squared error of the predicted IoU")

    @model_validator(mode="after")
    def _masks_are_taught(self) -> Self:
        if not self.dice_weight + self.focal_weight + self.bce_weight:
            raise ValueError("expected a weight above 0 for at least one of dice, focal and bce, got 0 for all")
        return self


class OutliningLoopConfig(LoopConfig):
    """The loop, with the metrics of its validation."""

    monitor: Literal["mean_iou", "iou_error"] = Field(
        description="of the masks from true boxes: mean IoU, or mean distance of the model's own estimate from it "
        "(mode min)"
    )


class OutliningConfig(TuningConfig):
    """Adapter, loss and schedule of the tuning."""

    lora: LoraConfig = Field(description="rank, scale and adapted layers")
    loss: MaskLossConfig = Field(description="weights of the loss")
    loop: OutliningLoopConfig = Field(description="schedule")
    views: int | None = Field(
        ge=1,
        description="augmented views of each image, drawn once and shown in turn, so that a frozen encoder sees each "
        "once; null draws anew in every step, where the encoder runs each time; without augmentation the image is its "
        "only view",
    )
    box_jitter: float = Field(ge=0, lt=0.5, description="most a prompt's side moves, fraction of its width or height")
    batch_size: int = Field(gt=0, description="images of one step")
    objects_per_image: int = Field(gt=0, description="most objects of an image prompted in one step, drawn anew")
    multimask: bool = Field(description="whether a box is answered by the best of three masks instead of by one")
