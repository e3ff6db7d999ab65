"""Settings of the labelling by the teachers and of the distillation."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.augmentation import AugmentationConfig
from gsam_edge.students.table import TrainingConfig
from gsam_edge.teachers.config import DetectionConfig


class LabellingConfig(BaseModel):
    """Settings of the labelling by the teachers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detection: DetectionConfig = Field(
        description="what counts as a detection of the tuned finder, where teachers are measured"
    )
    score_threshold: float = Field(
        ge=0, le=1, description="detections that score less are not labels; replaces detection's in labelling"
    )
    match_iou: float = Field(
        gt=0, le=1, description="least box IoU with a true object of its class at which a label is correct"
    )

    @property
    def label_detection(self) -> DetectionConfig:
        """Detection settings for labelling: `detection` with this config's `score_threshold`.

        Only labels get a mask. Boxes that score less suppress none of the labels and take no place of theirs, so a
        lower threshold would give the same labels first.
        """
        return self.detection.model_copy(update={"score_threshold": self.score_threshold})


class LossWeights(BaseModel):
    """The weight of the labels that no person gave, and those of `distill.losses.LOSSES` by name; 0 leaves one out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detection: float = Field(
        ge=0, description="weight of the student's own loss on images whose labels no person gave; 1 for the others"
    )


class DistillationConfig(BaseModel):
    """Settings of the training of a student on annotations and teacher labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    augmentation: AugmentationConfig | None = Field(
        description="augmentation by the words of the scene; null leaves only Ultralytics' own"
    )
    losses: LossWeights = Field(description="weights of the distillation losses")
    training: TrainingConfig = Field(description="schedule, losses, validation and Ultralytics' augmentation")
