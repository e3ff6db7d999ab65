"""What a YOLO is told by the configuration; nothing here imports torch."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.teachers.config import DetectionConfig, TuningConfig
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.training.config import LoopConfig


class YoloLossConfig(BaseModel):
    """Weights of YOLOv8's detection loss, by Ultralytics' own measure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    box_weight: float = Field(gt=0, description="of the box loss (CIoU)")
    class_weight: float = Field(gt=0, description="of the class loss (binary cross-entropy)")
    distribution_weight: float = Field(gt=0, description="of the distribution focal loss")


class YoloLoopConfig(LoopConfig):
    """The loop, with the metrics of its validation."""

    monitor: Literal["ap50", "ap75"] = Field(description="class-mean AP at an IoU of 0.5 or 0.75 on validation images")


class YoloTuningConfig(TuningConfig):
    """How the weights are asked, and adapter, loss and schedule of the tuning."""

    tune: bool = Field(description="whether the weights are tuned to the data, or asked as they are")
    classes: Mapping[str, str] = Field(
        description="names of the weights' classes to names of the data's; the others are compared as they stand"
    )
    image_size: int = Field(gt=0, multiple_of=32, description="side of the square network input, pixels")
    lora: LoraConfig = Field(description="rank, scale and adapted layers")
    loss: YoloLossConfig = Field(description="weights of the loss")
    loop: YoloLoopConfig = Field(description="schedule")
    detection: DetectionConfig = Field(description="what counts as a detection when validating")
    batch_size: int = Field(gt=0, description="images of one step")
