"""Choice of the student's architecture by the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gsam_edge.coco import Annotations
from gsam_edge.runtime.card import MAX_IMAGE_SIZE
from gsam_edge.students.table import ARCHITECTURES
from gsam_edge.vision.errors import UserError

#: Value of `architecture` that chooses by the data.
AUTO = "auto"
#: Compound scaling, a letter; None for an architecture that has a single size.
Size: TypeAlias = str | None
#: Channels in and out of layers that are narrower than the architecture's, by name of the layer; empty where none is.
Widths: TypeAlias = Mapping[str, tuple[int, int]]


class EdgeConfig(BaseModel):
    """Postprocessing inside the exported student: suppression and padding."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_detections: int = Field(
        gt=0, le=10_000, description="objects per image (N of every output), padded with score 0"
    )
    candidates: int = Field(gt=0, le=10_000, description="best anchors per image that enter non-maximum suppression")
    iou_threshold: float = Field(
        gt=0, lt=1, description="a box is dropped above this IoU with a better one of its class"
    )
    nms_iterations: int = Field(
        gt=0, le=10_000, description="longest chain of boxes dropped by dropped boxes that is resolved exactly"
    )
    score_floor: float = Field(ge=0, lt=1, description="anchors that score less are no objects at all")


class StudentConfig(BaseModel):
    """The student's architecture and size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str = Field(description="'auto' lets the data decide")
    size: Size = Field(description="compound scaling, a letter of the architecture's; null where it has one size only")
    image_size: int = Field(
        gt=0, le=MAX_IMAGE_SIZE, multiple_of=32, description="side of the square network input, pixels"
    )
    least_start: float = Field(
        ge=0, le=1, description="a start that gives a smaller share of the backbone's elements is called random"
    )
    edge: EdgeConfig = Field(description="suppression and padding inside the exported student")

    @field_validator("architecture")
    @classmethod
    def _known(cls, architecture: str) -> str:
        if architecture not in (AUTO, *ARCHITECTURES):
            raise ValueError(f"expected one of {[AUTO, *ARCHITECTURES]}, got {architecture!r}")
        return architecture

    @model_validator(mode="after")
    def _offered(self) -> Self:
        """Refuses a size or an image size that the architecture, or one that the data may choose, does not have."""
        for name in _automatic().values() if self.architecture == AUTO else [self.architecture]:
            architecture = ARCHITECTURES[name]
            if self.size not in (architecture.sizes or (None,)):
                offered = f"one of {list(architecture.sizes)}" if architecture.sizes else "null, since it has one size"
                raise ValueError(f"size: expected, for the architecture {name}, {offered}, got {self.size!r}")
            if self.image_size % architecture.stride:
                raise ValueError(
                    f"image_size: expected a multiple of {architecture.stride}, the coarsest cell of {name}, got "
                    f"{self.image_size}"
                )
        return self


@dataclass(frozen=True)
class StudentChoice:
    """The chosen architecture with its settings.

    Attributes:
        architecture: one of `ARCHITECTURES`, never "auto".
        student: size, input and postprocessing.
        why: reason for the architecture, as a clause.
        widths: of a pruned network, which is trained in these widths.
    """

    architecture: str
    student: StudentConfig
    why: str
    widths: Widths = field(default_factory=dict)


class StudentChoiceError(UserError):
    """An architecture that the data cannot train."""


def _automatic() -> dict[frozenset[str], str]:
    """Returns, by what data may hold, the architecture that it chooses: the first that learns from exactly this."""
    return {architecture.learns_from: name for name, architecture in list(ARCHITECTURES.items())[::-1]}


def choose_student(annotations: Annotations, config: StudentConfig) -> StudentChoice:
    """Chooses the architecture: for "auto" the first that learns from exactly what the annotations hold.

    A box that was computed from a mask does not count as a box of the data (see `Annotations.has_boxes`).

    Raises:
        StudentChoiceError: if the data holds neither boxes nor masks, or the configured architecture needs masks that
            the data does not hold.
    """
    there = {"boxes": annotations.has_boxes, "masks": annotations.has_masks}
    held = {name for name in there if there[name]}
    if not held:
        raise StudentChoiceError("student: expected annotations with boxes or masks, got neither")
    holds = " and ".join(sorted(held))
    if config.architecture == AUTO:
        chosen = _automatic()[frozenset(held)]
        return StudentChoice(chosen, config, f"the annotations hold {holds}{' only' if len(held) == 1 else ''}")
    if ARCHITECTURES[config.architecture].masks and "masks" not in held:
        without = [repr(name) for name, architecture in ARCHITECTURES.items() if not architecture.masks]
        raise StudentChoiceError(
            f"student.architecture: {config.architecture!r} learns masks, but the annotations hold {holds} only; "
            f"expected {' or '.join([repr(AUTO), *without])}"
        )
    return StudentChoice(config.architecture, config, f"the parameters ask for it; the annotations hold {holds}")
