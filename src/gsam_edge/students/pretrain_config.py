"""Parameters of the pretraining of students."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsam_edge.students.choice import StudentConfig
from gsam_edge.students.table import TrainingConfig


class PretrainStudentConfig(BaseModel):
    """Parameters of the pretraining of students."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int = Field(gt=0, description="drawn images of the general world to learn from")
    held_out: int = Field(gt=0, description="further drawn images to choose the best weights by")
    student: StudentConfig = Field(description="size and input of the network, a YOLOv8-seg")
    training: TrainingConfig = Field(description="schedule and losses")

    @field_validator("student")
    @classmethod
    def _with_masks(cls, student: StudentConfig) -> StudentConfig:
        if student.architecture not in ("auto", "yolov8-seg"):
            raise ValueError(
                "expected architecture auto or yolov8-seg, whose layers start the other students too, "
                f"got {student.architecture!r}"
            )
        return student
