"""The architectures that Ultralytics builds for this project."""

from collections.abc import Mapping
from dataclasses import dataclass

from gsam_edge.students.family import Architecture


@dataclass(frozen=True)
class UltralyticsArchitecture(Architecture):
    """An architecture that Ultralytics defines in a file.

    Attributes:
        definition: path of the file in Ultralytics' folder of models; `{size}` stands for the compound scaling.
    """

    definition: str


_BOXES, _MASKS = frozenset({"boxes"}), frozenset({"masks"})

#: "fastsam" is FastSAM's network as Ultralytics builds it, which is YOLOv8-seg's (FastSAM-s is size s, FastSAM-x is
#: size x), for data whose boxes are those of its masks.
ARCHITECTURES: Mapping[str, UltralyticsArchitecture] = {
    "yolov8": UltralyticsArchitecture("detect", _BOXES, masks=False, definition="v8/yolov8{size}.yaml"),
    "yolov8-seg": UltralyticsArchitecture("detect", _BOXES | _MASKS, masks=True, definition="v8/yolov8{size}-seg.yaml"),
    "fastsam": UltralyticsArchitecture("detect", _MASKS, masks=True, definition="v8/yolov8{size}-seg.yaml"),
}
