"""Parameters of SAM 3; nothing here imports torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.teachers.config import DetectionConfig, TuningConfig
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.training.config import LoopConfig


class Sam3LossConfig(BaseModel):
    """Weights of the loss; the matching of queries and objects uses the first three, too.

    The library's matcher compares classes by a focal cost with fixed alpha 0.25 and gamma 2, whatever is set here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_weight: float = Field(gt=0, description="of the focal loss on queries' scores, where the class is present")
    l1_weight: float = Field(gt=0, description="of the L1 distance of boxes (cxcywh, fractions of the image)")
    giou_weight: float = Field(gt=0, description="of the generalised IoU loss of boxes")
    presence_weight: float = Field(gt=0, description="of the binary cross-entropy of the class being in the image")
    focal_alpha: float = Field(ge=0, le=1, description="focal losses: weight of positives, the negatives get the rest")
    focal_gamma: float = Field(ge=0, description="focal losses: how much easy queries and pixels are played down")
    mask_weight: float = Field(ge=0, description="of the focal loss on mask pixels, where masks are taught")
    dice_weight: float = Field(ge=0, description="of the Dice loss of masks, where masks are taught")


class Sam3LoopConfig(LoopConfig):
    """The loop, with the metrics of its validation."""

    monitor: Literal["ap50", "ap75", "mask_map50", "mask_map50_95"] = Field(
        description="class-mean AP on validation images: of boxes at an IoU of 0.5 or 0.75, or, where masks are "
        "wanted, of masks at 0.5 or as the mean over 0.5 to 0.95"
    )


class Sam3TuningConfig(TuningConfig):
    """Adapter, loss and schedule of the tuning."""

    lora: LoraConfig = Field(description="rank, scale and adapted layers")
    loss: Sam3LossConfig = Field(description="weights of the loss")
    loop: Sam3LoopConfig = Field(description="schedule")
    detection: DetectionConfig = Field(
        description="what counts as a detection when validating; its batch size counts classes asked at once"
    )
    batch_size: int = Field(gt=0, description="images of one step")
    classes_per_image: int = Field(gt=0, description="most classes that an image is asked for in one step")
    absent_probability: float = Field(
        ge=0, le=1, description="how often a class is drawn from those that are not in the image"
    )
