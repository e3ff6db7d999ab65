"""All families of teachers by name, for pipelines, adapters, reports and parameters."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.family import AnyFamily
from gsam_edge.teachers.grounding_dino.family import GroundingDinoFamily
from gsam_edge.teachers.sam.family import SamFamily
from gsam_edge.teachers.sam2.family import Sam2Family
from gsam_edge.teachers.sam3.family import Sam3Family
from gsam_edge.teachers.yolo.family import YoloFamily

TEACHERS: Mapping[str, AnyFamily] = {
    "grounding_dino": GroundingDinoFamily(),
    "sam": SamFamily(),
    "sam2": Sam2Family(),
    "sam3": Sam3Family(),
    "yolo": YoloFamily(),
}


class TeacherChoice(BaseModel):
    """Choice of the teachers, which are used where the data calls for them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    finder: str = Field(description="the teacher that finds the objects")
    outliner: str = Field(
        description="the teacher that draws their masks; a finder that has masks of its own may be it"
    )

    @model_validator(mode="after")
    def _each_does_its_part(self) -> Self:
        for key, name, roles in (
            ("finder", self.finder, ("find", "both")),
            ("outliner", self.outliner, ("outline", "both")),
        ):
            able = [known for known, family in TEACHERS.items() if family.role in roles]
            if name not in able:
                raise ValueError(f"{key}: expected one of {able}, got {name!r}")
        if TEACHERS[self.outliner].role == "both" and self.outliner != self.finder:
            raise ValueError(
                f"outliner: {self.outliner} draws the masks of what it found itself; expected finder "
                f"{self.outliner!r} too, got {self.finder!r}"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The chosen teachers, the finder first; one name where it does both."""
        return tuple(dict.fromkeys((self.finder, self.outliner)))

    @property
    def one_does_both(self) -> bool:
        """Whether the finder draws the masks of what it finds."""
        return self.finder == self.outliner

    def need(self, name: str, annotations: Annotations) -> Need:
        """Returns whether a teacher is used, and why: it must be chosen, and the annotations must call for it."""
        if name in self.names:
            return TEACHERS[name].need(annotations)
        return Need(False, self.why_not(name))

    def why_not(self, name: str) -> str:
        """Returns why a teacher that is not chosen is not used."""
        key = "outliner" if TEACHERS[name].role == "outline" else "finder"
        return f"teachers.{key} is {getattr(self, key)}"

    def needs(self, annotations: Annotations) -> dict[str, Need]:
        """Returns `need` of every teacher of the table."""
        return {name: self.need(name, annotations) for name in TEACHERS}
