"""How the start of all students is trained."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.students.choice import StudentConfig
from gsam_edge.students.training_config import StudentTrainingConfig


class PretrainStudentConfig(BaseModel):
    """How the start of all students is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pictures: int = Field(gt=0, description="drawn pictures of the general world to learn from")
    held_out: int = Field(gt=0, description="further drawn pictures to choose the best epoch by")
    student: StudentConfig = Field(description="size and input of the network; the architecture is always YOLOv8-seg")
    training: StudentTrainingConfig = Field(description="schedule and losses")
