"""How teachers label and students learn from them."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.augmentation import AugmentationConfig
from gsam_edge.students.table import TrainingConfig
from gsam_edge.teachers.config import DetectionConfig


class LabellingConfig(BaseModel):
    """How the teachers label."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detection: DetectionConfig = Field(
        description="what counts as a detection of the tuned finder, where teachers are measured"
    )
    score_threshold: float = Field(
        ge=0, le=1, description="teacher objects that score less are no labels; it takes detection's place in labelling"
    )
    match_iou: float = Field(
        gt=0, le=1, description="a teacher object is right at this box IoU with a true one of its class"
    )

    @property
    def label_detection(self) -> DetectionConfig:
        """What counts as a detection of a teacher that labels: what will be a label, so that nothing else is outlined.

        Boxes that score less suppress none of these and take no place of theirs, so they are the ones that a lower
        threshold would have given first.
        """
        return self.detection.model_copy(update={"score_threshold": self.score_threshold})


class LossWeights(BaseModel):
    """The weights of `distill.losses.LOSSES` by name; a loss of weight 0 is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_scores: float = Field(
        ge=0, le=1, description="share of the teacher's scores in the class targets; 0 is labels only"
    )


class DistillationConfig(BaseModel):
    """How truth and teacher become a student."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match_iou: float = Field(gt=0, le=1, description="the teacher means a true object at this box IoU or above")
    augmentation: AugmentationConfig | None = Field(
        description="how the scene's words change each image; null leaves only Ultralytics' own changes"
    )
    losses: LossWeights = Field(description="how much the student listens to the teacher, in each way that there is")
    training: TrainingConfig = Field(description="schedule, losses, validation and Ultralytics' augmentation")
