"""Nodes of `serving`."""

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.datasets.inference.exported import ExportedStudents
from gsam_edge.datasets.inference.served import Serving
from gsam_edge.runtime.detector import Detector


class ServingConfig(BaseModel):
    """Settings of a served student."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score_threshold: float | None = Field(
        ge=0, le=1, description="objects that score less are left out; null: the card's"
    )
    threads: int = Field(ge=0, description="CPU threads of the student; 0 lets its backend choose")
    max_pixels: int = Field(gt=0, description="images with more pixels are refused before they are decoded")


def make_served_student(students: ExportedStudents, artefact: str, config: ServingConfig) -> Serving:
    """Returns the exported student of this name with its settings, as MLflow serves it; it opens here already."""
    exported = students[artefact]
    Detector.open(
        exported.content, exported.suffix, score_threshold=config.score_threshold, threads=config.threads
    ).close()
    return Serving(exported, config.model_dump(exclude_none=True))
