"""Parameters that all teachers share; nothing here imports torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.augmentation import AugmentationConfig
from gsam_edge.training.config import LoopConfig


class DetectionConfig(BaseModel):
    """What counts as a detection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score_threshold: float = Field(ge=0, le=1, description="boxes whose best class scores lower are dropped")
    candidates: int = Field(
        gt=0, description="boxes of one image that enter suppression, the best ones; its time grows with their square"
    )
    nms_iou: float = Field(gt=0, le=1, description="of two boxes of a class that overlap more (IoU), the better stays")
    max_detections: int = Field(gt=0, description="most boxes of one image, the best ones")
    batch_size: int = Field(gt=0, description="images in one pass through the network")


class TuningConfig(BaseModel):
    """Parameters of the tuning of any teacher; a family adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    augmentation: AugmentationConfig | None = Field(
        description="how the scene's words change each image; null leaves images as they are"
    )
    loop: LoopConfig = Field(description="schedule")


class FloorConfig(BaseModel):
    """What a teacher, and its labels behind the gate, must reach on the validation images to teach a student."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    map50: float = Field(ge=0, le=1, description="least mAP50 of boxes, or of masks where found objects are outlined")
    mask_iou: float = Field(ge=0, le=1, description="least mean IoU of masks that are drawn in given boxes")
    recall: float = Field(ge=0, le=1, description="least share of the true objects that its labels hold")
    score_threshold: float = Field(
        ge=0, le=1, description="labels that score less are not counted in precision and recall where they are judged"
    )
    below: Literal["error", "keep"] = Field(
        description="what distillation does with a teacher below the floor: end the run, or go on with a warning"
    )
