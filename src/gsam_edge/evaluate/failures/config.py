"""Settings of the search for failures."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.metrics.object_errors import ErrorConfig


class FailuresConfig(BaseModel):
    """What counts as a failure, and how many are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    near_iou: float = Field(
        ge=0, lt=1, description="box IoU from which a detection is meant for an object, though it lies badly"
    )
    mask_iou: float = Field(ge=0, le=1, description="mask IoU below which a found object is badly outlined")
    edge: float = Field(
        ge=0, lt=0.5, description="share of the image's shorter side; an object nearer to the border is at the edge"
    )
    count: int = Field(gt=0, description="worst images in the report")
    drawn: int = Field(gt=0, description="of them in the plot, two in a row")
    image_width: int = Field(gt=0, description="pixels, of one image of the plot with its margin")

    def errors(self, match_iou: float) -> ErrorConfig:
        """Returns the overlaps that decide on an error; `match_iou` is that of the evaluation."""
        return ErrorConfig(match_iou=match_iou, near_iou=self.near_iou, mask_iou=self.mask_iou)
