"""Which student the data calls for."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.coco import Annotations
from gsam_edge.vision.errors import UserError

#: "fastsam" is FastSAM's network as Ultralytics builds it, which is YOLOv8-seg's (FastSAM-s is size s, FastSAM-x is
#: size x), for data whose boxes are those of its masks.
Architecture: TypeAlias = Literal["yolov8", "yolov8-seg", "fastsam"]
Size: TypeAlias = Literal["n", "s", "m", "l", "x"]


class EdgeConfig(BaseModel):
    """What happens inside the exported student between the network's raw answers and its outputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_detections: int = Field(gt=0, description="objects per image (N of every output), padded with score 0")
    candidates: int = Field(gt=0, description="best anchors per image that enter non-maximum suppression")
    iou_threshold: float = Field(
        gt=0, lt=1, description="a box is dropped above this IoU with a better one of its class"
    )
    nms_iterations: int = Field(
        gt=0, description="longest chain of boxes dropped by dropped boxes that is resolved exactly"
    )
    score_floor: float = Field(ge=0, lt=1, description="anchors that score less are no objects at all")


class StudentConfig(BaseModel):
    """The student's architecture and size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Literal["auto"] | Architecture = Field(description="'auto' lets the data decide")
    size: Size = Field(description="Ultralytics' compound scaling, nano to extra large")
    image_size: int = Field(gt=0, multiple_of=32, description="side of the square network input, pixels")
    edge: EdgeConfig = Field(description="suppression and padding inside the exported student")


@dataclass(frozen=True)
class StudentChoice:
    """An architecture and the sentence that explains it."""

    architecture: Architecture
    why: str


class StudentChoiceError(UserError):
    """An architecture that the data cannot train."""


def choose_student(annotations: Annotations, config: StudentConfig) -> StudentChoice:
    """The architecture for a dataset: YOLOv8 for boxes, FastSAM for masks, YOLOv8-seg for both.

    A box computed from its mask is no box of the data (see `Annotations.has_boxes`).

    Raises:
        StudentChoiceError: if the data holds neither boxes nor masks, or the configured architecture needs masks that
            the data does not hold.
    """
    boxes, masks = annotations.has_boxes, annotations.has_masks
    if not boxes and not masks:
        raise StudentChoiceError("student: expected annotations with boxes or masks, got neither")
    holds = " and ".join(name for name, there in (("boxes", boxes), ("masks", masks)) if there)
    if config.architecture == "auto":
        chosen: Architecture = "yolov8-seg" if boxes and masks else "fastsam" if masks else "yolov8"
        return StudentChoice(chosen, f"the annotations hold {holds}{'' if boxes and masks else ' only'}")
    if has_masks(config.architecture) and not masks:
        raise StudentChoiceError(
            f"student.architecture: {config.architecture!r} learns masks, but the annotations hold {holds} only; "
            "expected 'auto' or 'yolov8'"
        )
    return StudentChoice(config.architecture, f"the parameters ask for it; the annotations hold {holds}")


def has_masks(architecture: Architecture) -> bool:
    """Whether a student of this architecture answers with masks."""
    return architecture != "yolov8"
