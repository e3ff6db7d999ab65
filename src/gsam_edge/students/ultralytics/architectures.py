"""The architectures that Ultralytics builds for this project."""

from collections.abc import Mapping
from dataclasses import dataclass

from gsam_edge.students.family import Architecture


@dataclass(frozen=True)
class UltralyticsArchitecture(Architecture):
    """An architecture that Ultralytics defines in a file, or in one for each size.

    Attributes:
        definition: path of the file in Ultralytics' folder of models; `{size}` stands for the compound scaling, and is
            left out of the name of a file that defines all sizes.
        file_per_size: whether each size has a file of its own.
    """

    definition: str
    file_per_size: bool

    def file(self, size: str | None) -> str:
        """Returns the path of the file that defines a size."""
        return self.definition.format(size=size if self.file_per_size else "")


_BOXES, _MASKS, _BOTH = frozenset({"boxes"}), frozenset({"masks"}), frozenset({"boxes", "masks"})
_NSMLX = ("n", "s", "m", "l", "x")


def _defined(
    definition: str,
    pretrained: str,
    sizes: tuple[str, ...] = _NSMLX,
    *,
    learns_from: frozenset[str] = _BOXES,
    stride: int = 32,
    file_per_size: bool = False,
) -> UltralyticsArchitecture:
    return UltralyticsArchitecture(
        "detect",
        learns_from,
        masks=learns_from >= _MASKS,
        sizes=sizes,
        stride=stride,
        pretrained=pretrained,
        definition=definition,
        file_per_size=file_per_size,
    )


#: Every detect and segment network that Ultralytics defines and that needs no words; a test compares this with the
#: files of the installed package. The first three are those that the data chooses among.
#: "fastsam" is FastSAM's network as Ultralytics builds it, which is YOLOv8-seg's (FastSAM-s is size s, FastSAM-x is
#: size x), for data whose boxes are those of its masks.
ARCHITECTURES: Mapping[str, UltralyticsArchitecture] = {
    "yolov8": _defined("v8/yolov8{size}.yaml", "yolov8{size}.pt"),
    "yolov8-seg": _defined("v8/yolov8{size}-seg.yaml", "yolov8{size}-seg.pt", learns_from=_BOTH),
    "fastsam": _defined("v8/yolov8{size}-seg.yaml", "yolov8{size}-seg.pt", learns_from=_MASKS),
    "yolov8-p2": _defined("v8/yolov8{size}-p2.yaml", "yolov8{size}.pt"),
    "yolov8-p6": _defined("v8/yolov8{size}-p6.yaml", "", stride=64),
    "yolov8-seg-p6": _defined("v8/yolov8{size}-seg-p6.yaml", "", learns_from=_BOTH, stride=64),
    "yolov8-ghost": _defined("v8/yolov8{size}-ghost.yaml", ""),
    "yolov8-ghost-p2": _defined("v8/yolov8{size}-ghost-p2.yaml", ""),
    "yolov8-ghost-p6": _defined("v8/yolov8{size}-ghost-p6.yaml", "", stride=64),
    "yolov3": _defined("v3/yolov3.yaml", "yolov3u.pt", ()),
    "yolov3-spp": _defined("v3/yolov3-spp.yaml", "yolov3-sppu.pt", ()),
    "yolov3-tiny": _defined("v3/yolov3-tiny.yaml", "yolov3-tinyu.pt", ()),
    "yolov5": _defined("v5/yolov5{size}.yaml", "yolov5{size}u.pt"),
    "yolov5-p6": _defined("v5/yolov5{size}-p6.yaml", "yolov5{size}6u.pt", stride=64),
    "yolov6": _defined("v6/yolov6{size}.yaml", ""),
    "yolov9": _defined("v9/yolov9{size}.yaml", "yolov9{size}.pt", ("t", "s", "m", "c", "e"), file_per_size=True),
    "yolov9-seg": _defined(
        "v9/yolov9{size}-seg.yaml", "yolov9{size}-seg.pt", ("c", "e"), learns_from=_BOTH, file_per_size=True
    ),
    "yolov10": _defined(
        "v10/yolov10{size}.yaml", "yolov10{size}.pt", ("n", "s", "m", "b", "l", "x"), file_per_size=True
    ),
    "yolo11": _defined("11/yolo11{size}.yaml", "yolo11{size}.pt"),
    "yolo11-seg": _defined("11/yolo11{size}-seg.yaml", "yolo11{size}-seg.pt", learns_from=_BOTH),
    "yolo12": _defined("12/yolo12{size}.yaml", "yolo12{size}.pt"),
    "yolo12-seg": _defined("12/yolo12{size}-seg.yaml", "yolo12{size}.pt", learns_from=_BOTH),
    "yolo26": _defined("26/yolo26{size}.yaml", "yolo26{size}.pt"),
    "yolo26-seg": _defined("26/yolo26{size}-seg.yaml", "yolo26{size}-seg.pt", learns_from=_BOTH),
    "yolo26-p2": _defined("26/yolo26{size}-p2.yaml", "yolo26{size}.pt"),
    "yolo26-p6": _defined("26/yolo26{size}-p6.yaml", "", stride=64),
}
