"""Settings of the labelling by the teachers and of the distillation."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsam_edge.augmentation import AugmentationConfig
from gsam_edge.distill.arms.table import Control
from gsam_edge.distill.labels.gate import GateConfig
from gsam_edge.students.table import TrainingConfig
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.flips import Flip
from gsam_edge.training.workers import WorkersConfig


class LabellingConfig(BaseModel):
    """Settings of the labelling by the teachers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detection: DetectionConfig = Field(
        description="what counts as a detection of the tuned finder, where teachers are measured"
    )
    flips: tuple[Flip, ...] = Field(
        description="how images are flipped that a finder, or a student that labels, is asked about besides"
    )
    score_threshold: float = Field(
        ge=0, le=1, description="detections that score less are not labels; replaces detection's in labelling"
    )
    match_iou: float = Field(
        gt=0, le=1, description="least box IoU with a true object of its class at which a label is correct"
    )
    gate: GateConfig = Field(description="which labels a student learns from, and how much each counts")
    workers: WorkersConfig = Field(description="processes that label at the same time; the labels are the same")

    @property
    def label_detection(self) -> DetectionConfig:
        """Detection settings for labelling: `detection` with this config's `score_threshold`.

        Only labels get a mask. Boxes that score less suppress none of the labels and take no place of theirs, so a
        lower threshold would give the same labels first; with `flips`, but for what another view adds to their scores
        and corners by a box below the threshold.
        """
        return self.detection.model_copy(update={"score_threshold": self.score_threshold})


class LossWeights(BaseModel):
    """The weight of the labels that no person gave, and those of `distill.losses.LOSSES` by name; 0 leaves one out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detection: float = Field(
        ge=0, description="weight of the student's own loss on images whose labels no person gave; 1 for the others"
    )
    segmentation: float = Field(
        ge=0, description="of the logits of the outliner's masks, on images whose labels no person gave"
    )
    logit: float = Field(ge=0, description="of the class scores and boxes that the finder's encoder gives everywhere")
    feature: float = Field(ge=0, description="of the features of the finder's encoder")

    @property
    def listens(self) -> bool:
        """Whether the student listens to its teacher by other losses than its own on the teacher's labels."""
        return any(weight for name, weight in self.model_dump().items() if name != "detection")


class MapsConfig(BaseModel):
    """How the losses `segmentation`, `logit` and `feature` are asked; with weights of 0 nothing here is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plain_share: float = Field(
        gt=0, le=1, description="share of the images that are shown alone and unwarped, on which these losses work"
    )
    top_share: float = Field(
        gt=0, le=0.5, description="logit: share of an image's anchors with the highest scores; as many others are drawn"
    )
    box_score: float = Field(ge=0, lt=1, description="logit: boxes are taught where the teacher's score is above this")
    logit_form: Literal["quality_focal", "divergence"] = Field(
        description="logit: quality_focal, or the divergence of both scores with a temperature"
    )
    temperature: float = Field(gt=0, description="logit as a divergence: by what logits are divided")
    feature_until: float = Field(
        gt=0, le=1, description="feature: share of the training in which its weight falls from its full value to 0"
    )


class DistillationConfig(BaseModel):
    """Settings of the training of a student on labels of people and of teachers, and of its controls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    control: tuple[Control, ...] = Field(
        description="arms trained beside the distilled student, so that its gain is known"
    )
    seeds: int | tuple[int, ...] = Field(
        description="how many seeds each arm is trained with, from `seed` on, or which; the first is the student's"
    )
    burn_in: float = Field(
        gt=0, lt=1, description="share of the steps in the first stage, before labels are handed over"
    )
    hand_over: Literal["best", "fused", "teacher"] = Field(
        description="who labels the pool for the second stage: the best on the validation split of teacher, student "
        "and both fused; both fused; or the teacher again"
    )
    hard_threshold: float = Field(
        ge=0, le=1, description="score from which the arm hard_labels takes the teacher's labels for truth"
    )
    augmentation: AugmentationConfig | None = Field(
        description="augmentation by the words of the scene; null leaves only Ultralytics' own"
    )
    losses: LossWeights = Field(description="weights of the distillation losses")
    maps: MapsConfig = Field(description="what the teachers say about every place of an image")
    training: TrainingConfig = Field(description="schedule, losses, validation and Ultralytics' augmentation")

    @field_validator("seeds")
    @classmethod
    def _at_least_one(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if (isinstance(seeds, int) and seeds < 1) or seeds == ():
            raise ValueError(f"expected at least one seed, got {seeds}")
        if isinstance(seeds, tuple) and len(set(seeds)) < len(seeds):
            raise ValueError(f"expected seeds that differ, got {list(seeds)}: equal ones give equal students")
        if isinstance(seeds, tuple) and not all(0 <= seed < 2**32 for seed in seeds):
            raise ValueError(f"expected seeds from 0 to 2**32 - 1, got {list(seeds)}")
        return seeds

    @field_validator("control")
    @classmethod
    def _each_once(cls, control: tuple[Control, ...]) -> tuple[Control, ...]:
        if len(set(control)) < len(control):
            raise ValueError(f"expected each arm once, got {list(control)}")
        return control


class RecoveryConfig(BaseModel):
    """The training of a pruned student; all else is that of `distillation`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=1, description="optimiser steps of both stages together")
    learning_rate: float = Field(gt=0, le=1, description="peak learning rate; the weights are not random any more")
    seeds: int = Field(gt=0, description="how many seeds, from `seed` on; the first is the pruned student's")
    control: bool = Field(description="whether the student itself is trained as much longer, to know what was lost")
