"""Settings of the evaluation, and of the gate that measures as the evaluation does."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.evaluate.calls import Calls


class EvaluationConfig(BaseModel):
    """How artefacts are timed, matched and drawn. COCO's metrics have no settings here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warmup_calls: int = Field(ge=0, description="predictions made and not timed before the first timed one")
    timed_calls: int = Field(
        gt=0, description="timed predictions at most, spread over the images, which are repeated when there are fewer"
    )
    timed_seconds: float = Field(
        gt=0, description="seconds after which a slow artefact was timed enough, so that it makes fewer calls"
    )
    least_timed_calls: int = Field(gt=0, description="timed predictions that a slow artefact makes at least")
    threads: int = Field(gt=0, description="CPU threads that an artefact may use while it is measured")
    timeout_s: float = Field(gt=0, description="seconds after which an artefact that does not answer is ended")
    score_threshold: float = Field(
        ge=0, le=1, description="objects that score less are dropped before accuracy is computed"
    )
    timed_score_threshold: float = Field(
        ge=0, le=1, description="objects that score less are dropped in the timed calls, as in normal use"
    )
    match_box_iou: float = Field(
        gt=0, le=1, description="box IoU from which a prediction is matched to an object of its class for the mask IoU"
    )
    image_score_threshold: float = Field(
        ge=0,
        le=1,
        description="teachers' predictions below this score are not drawn; a student has its recommended ones",
    )
    image_rows: int = Field(gt=0, description="rows of the image grid, one image each")
    image_width: int = Field(gt=0, description="width in pixels of one image of the grid")

    @property
    def calls(self) -> Calls:
        """How many calls of an artefact are made and timed."""
        return Calls(self.warmup_calls, self.timed_calls, self.timed_seconds, self.least_timed_calls)


class ThresholdConfig(BaseModel):
    """How the scores are chosen from which objects are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_objects: int = Field(
        ge=1, description="a class with fewer validation objects takes the threshold of all classes together"
    )


class GateConfig(BaseModel):
    """What an exported student must reach to be shipped; it is measured as `EvaluationConfig` says, on validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    most_drop: float = Field(
        ge=0, description="points of mAP50-95, of boxes and of masks, that it may lose against single precision"
    )
    least_speedup: float = Field(
        ge=0, description="a format that must be faster is more than this many times as fast as single precision"
    )
