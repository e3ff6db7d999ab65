"""What an evaluation is told by the configuration."""

from pydantic import BaseModel, ConfigDict, Field


class EvaluationConfig(BaseModel):
    """How artefacts are timed, matched and imaged; how COCO's metrics are computed is not among it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warmup_calls: int = Field(ge=0, description="predictions made and not timed before the first timed one")
    timed_calls: int = Field(
        gt=0, description="timed predictions, spread over the images, which are gone through again when there are fewer"
    )
    threads: int = Field(gt=0, description="CPU threads that an artefact may use while it is measured")
    score_threshold: float = Field(
        ge=0, le=1, description="objects that score less are dropped before accuracy is computed"
    )
    timed_score_threshold: float = Field(
        ge=0, le=1, description="objects that score less are dropped while the clock runs, as where the model is used"
    )
    match_box_iou: float = Field(
        gt=0, le=1, description="box IoU from which a prediction is matched to an object of its class for the mask IoU"
    )
    image_score_threshold: float = Field(
        ge=0, le=1, description="predictions below this score are left out of the images (never of the metrics)"
    )
    image_rows: int = Field(gt=0, description="images shown in the image grid")
    image_width: int = Field(gt=0, description="width in pixels of one image of the grid")
