"""Joins shapes that a label tool groups: the box and the outlines of one object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsam_edge.coco.geometry.segmentation import segmentation_area
from gsam_edge.coco.geometry.shapes import is_close
from gsam_edge.coco.importers.collect import Collector

#: Share by which a box may differ from that of the outlines in its group.
_SAME_BOX = 0.05


@dataclass(frozen=True)
class Part:
    """One shape of a group.

    Attributes:
        class_name: its class, the same in the whole group.
        where: the record, for messages.
        shape: `bbox` or `segmentation`, and further keys.
    """

    class_name: str
    where: str
    shape: Mapping[str, Any]


def objects_in(groups: Sequence[tuple[object, object]]) -> int:
    """Returns how many objects shapes stand for, given group and class of each; the shapes of no group stand alone."""
    return sum(not group for group, _ in groups) + len({repr(pair) for pair in groups if pair[0]})


def add_group(collector: Collector, image: Mapping[str, Any], parts: Sequence[Part]) -> None:
    """Adds shapes of one group and class, which say the same otherwise: as one object where they fit, else each alone.

    They fit where there is at most one box, and polygons or one mask that it encloses.
    """
    joined = _joined([part.shape for part in parts], (image["height"], image["width"]))
    if joined is None:
        for part in parts:
            collector.add_object(image, part.class_name, **part.shape)
        return
    collector.add_object(image, parts[0].class_name, **joined)
    for part in parts[1:]:
        collector.account.take("elements")
        collector.note("parts_joined", part.where, f"a part of {parts[0].where}")


def _joined(shapes: Sequence[Mapping[str, Any]], image_hw: tuple[int, int]) -> dict[str, Any] | None:
    boxes = [shape["bbox"] for shape in shapes if "bbox" in shape]
    outlines = [shape["segmentation"] for shape in shapes if "segmentation" in shape]
    if len(boxes) > 1 or (len(outlines) > 1 and any(isinstance(outline, Mapping) for outline in outlines)):
        return None
    whole = outlines[0] if len(outlines) == 1 else [part for outline in outlines for part in outline]
    if boxes and outlines:
        if isinstance(whole, Mapping):
            left, top, width, height = segmentation_area(whole, image_hw)[1]
        else:
            x, y = [v for part in whole for v in part[::2]], [v for part in whole for v in part[1::2]]
            left, top, width, height = min(x), min(y), max(x) - min(x), max(y) - min(y)
        pairs = zip(boxes[0], (left, top, width, height), strict=True)
        if not all(is_close(ours, theirs, _SAME_BOX) for ours, theirs in pairs):
            return None
    said = {key: value for shape in reversed(shapes) for key, value in shape.items()}
    return said | ({"segmentation": whole} if outlines else {})
