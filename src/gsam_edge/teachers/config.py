"""Parameters that all teachers share; nothing here imports torch."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.augmentation import AugmentationConfig


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
