"""Reads one XML file of Pascal VOC into plain values, so that no element trees are kept.

Everingham and Winn, "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 8: boxes are given by
the first and last pixel that they cover, counted from 1. Outlines and rotated boxes are additions of label tools:
supervision and Roboflow count `<x1>` from 1 like their boxes, LabelMe and CVAT count `<pt>` from 0.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from gsam_edge.coco.geometry.shapes import Point, brief
from gsam_edge.coco.importers.reading import SourceFiles, number, read_xml
from gsam_edge.coco.importers.shapes import box_polygon, turned

#: Keys of an object beside name and shape; values 0 and 1 become whole numbers, others stay text.
_FLAGS = ("pose", "truncated", "difficult", "occluded")
_SHAPES = ("bndbox", "robndbox", "polygon")
_WITHOUT_AREA = frozenset({"point", "points", "keypoints", "line", "polyline", "linestrip"})
#: Elements that hold nothing to learn, and are not named where they are not used.
_HARMLESS = frozenset({"id", "type", "date", "verified", "parts"})
_KNOWN_OF_OBJECT = frozenset({"name", "part", "deleted", *_FLAGS, *_SHAPES, *_HARMLESS})
_KNOWN_OF_FILE = frozenset({
    "folder", "filename", "path", "source", "owner", "database", "size", "imagesize", "segmented", "object",
})  # fmt: skip
#: What other tools call the outermost element of their XML files.
_OTHER_TOOLS = {
    "annotations": ", as in CVAT's own XML",
    "dataset": ", as in dlib's XML",
    "doc": ", as in Colabeler's XML",
}


@dataclass(frozen=True)
class VocObject:
    """An object of an XML file.

    Attributes:
        class_name: its name.
        shape: `bbox` and/or `segmentation`, pixels from 0; empty where the object is lost.
        flags: its further keys.
        lost: why it cannot be taken over, as code and detail; None where it can.
        left: parts of it that stay behind, as code and detail.
        noted: what should be known of it, as code and detail.
        unused: the tags of its elements that are not known.
    """

    class_name: str
    shape: Mapping[str, Any]
    flags: Mapping[str, Any]
    lost: tuple[str, str] | None
    left: Sequence[tuple[str, str]]
    noted: Sequence[tuple[str, str]]
    unused: Sequence[str]


@dataclass(frozen=True)
class VocFile:
    """An XML file.

    Attributes:
        filename: the image that it names; empty where it names none.
        declared_hw: height and width that it states; None where it states none.
        objects: its objects, without those that LabelMe marks as deleted.
        deleted: how many are marked so.
        unused: the tags of its elements that are not known.
        hidden: the tag of an unknown element with elements of its own, where there is no object: its objects may be
            there. None where there is no such doubt.
    """

    filename: str
    declared_hw: tuple[int, int] | None
    objects: Sequence[VocObject]
    deleted: int
    unused: Sequence[str]
    hidden: str | None


def read_voc(files: SourceFiles, name: str) -> VocFile:
    """Reads an XML file. Raises ValueError where it is no XML of VOC or declares entities, OSError as `files.read`."""
    root = _parsed(files, name)
    items = [item for item in root if item.tag == "object"]
    sound = [item for item in items if _text(item, "deleted") != "1"]
    unused = [child for child in root if child.tag not in _KNOWN_OF_FILE]
    hidden = [str(child.tag) for child in unused if len(child)]
    return VocFile(
        filename=_text(root, "filename"),
        declared_hw=_size(root, "size/height", "size/width") or _size(root, "imagesize/nrows", "imagesize/ncols"),
        objects=[_object(item) for item in sound],
        deleted=len(items) - len(sound),
        unused=[str(child.tag) for child in unused],
        hidden=hidden[0] if hidden and not items else None,
    )


def _parsed(files: SourceFiles, name: str) -> Element:
    """Returns the root of an XML file that declares no entities. Raises ValueError for anything else."""
    root = read_xml(files, name)
    if root.tag != "annotation":
        raise ValueError(f"expected <annotation>, got <{root.tag[:40]}>{_OTHER_TOOLS.get(root.tag, '')}")
    return root


def _size(root: Element, height: str, width: str) -> tuple[int, int] | None:
    try:
        found = (int(number(_text(root, height))), int(number(_text(root, width))))
    except ValueError:
        return None
    return found if min(found) > 0 else None


def _object(item: Element) -> VocObject:
    class_name, flags = _text(item, "name"), {name: _text(item, name) for name in _FLAGS}
    left = [("part_of_object", _text(part, "name")) for part in item.iterfind("part")]
    noted: list[tuple[str, str]] = []
    shape: dict[str, Any] = {}
    wrong: list[str] = []
    for read in (_bbox, _segmentation):
        try:
            shape.update(read(item, noted))
        except ValueError as error:
            wrong.append(str(error))
    lost = None
    if not class_name:
        lost = ("object_malformed", "expected a name, got none")
    elif not shape:
        lost = ("object_malformed", "; ".join(wrong)) if wrong else _without_shape(item)
    else:
        left += [("shape_malformed", detail) for detail in wrong]
    return VocObject(
        class_name=class_name,
        shape={} if lost else shape,
        flags={name: int(text) if text in ("0", "1") else text for name, text in flags.items() if text},
        lost=lost,
        left=left,
        noted=noted,
        unused=[str(child.tag) for child in item if child.tag not in _KNOWN_OF_OBJECT and not _is_rotation(child)],
    )


def _is_rotation(attributes: Element) -> bool:
    """Whether an element is what CVAT adds to each box: its `rotation`, and no other attribute."""
    return attributes.tag == "attributes" and all(_text(each, "name") == "rotation" for each in attributes)


def _without_shape(item: Element) -> tuple[str, str]:
    tags = [str(child.tag) for child in item if child.tag not in _KNOWN_OF_OBJECT]
    without_area = [tag for tag in tags if tag in _WITHOUT_AREA]
    if without_area:
        return "shape_without_area", f"<{without_area[0]}>"
    return "object_malformed", f"expected one of {', '.join(_SHAPES)}, got {', '.join(tags) or 'none'}"


def _bbox(item: Element, noted: list[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    """Yields the box as left, top, width, height; its corners may be the other way round, which is noted.

    Corners that coincide are a box without size: a click, not a pixel. CVAT writes a turned box as it was before, and
    says in an attribute by how many degrees it is turned clockwise about its centre: it is a polygon.
    """
    box = item.find("bndbox")
    if box is None:
        return
    x0, y0, x1, y1 = (_number(box, side) for side in ("xmin", "ymin", "xmax", "ymax"))
    (left, right), (top, bottom) = sorted((x0, x1)), sorted((y0, y1))
    if (left, top) != (x0, y0):
        noted.append(("corners_sorted", f"xmin {x0}, ymin {y0}, xmax {x1}, ymax {y1}"))
    size = [0, 0] if (left, top) == (right, bottom) else [right - left + 1, bottom - top + 1]
    turns = [each for each in item.iterfind("attributes/attribute") if _text(each, "name") == "rotation"]
    rotation = _number(turns[0], "value") if turns else 0
    if rotation:
        centre = (left - 1 + size[0] / 2, top - 1 + size[1] / 2)
        noted.append(("rotated", f"<bndbox> with the attribute rotation {rotation}"))
        yield "segmentation", [turned(box_polygon([left - 1, top - 1, *size]), rotation, centre)]
    else:
        yield "bbox", [left - 1, top - 1, *size]


def _segmentation(item: Element, noted: list[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    """Yields the polygons of all outlines and rotated boxes."""
    outlines = [_outline(polygon) for polygon in item.iterfind("polygon") if len(polygon)]
    for box in item.iterfind("robndbox"):
        outlines.append(_rotated(box))
        noted.append(("rotated", f"<robndbox> of angle {_text(box, 'angle')}"))
    if outlines:
        yield "segmentation", [[value for point in outline for value in point] for outline in outlines]


def _outline(polygon: Element) -> list[Point]:
    """Returns the corners of `<x1><y1><x2>...`, counted from 1, or of `<pt><x><y></pt>...`, counted from 0."""
    found = [
        (_number(child, "x"), _number(child, "y"))
        for child in polygon
        if child.find("x") is not None or child.find("y") is not None
    ]
    if not found:
        rows = sorted({int(tag[1]) for child in polygon if (tag := re.fullmatch(r"[xy](\d{1,6})", str(child.tag)))})
        found = [(_number(polygon, f"x{row}") - 1, _number(polygon, f"y{row}") - 1) for row in rows]
    if len(found) < 3:
        raise ValueError(f"<polygon>: expected three corners or more, got {len(found)}")
    return found


def _rotated(box: Element) -> list[Point]:
    """Returns the corners of a box of centre, size and angle in radians, clockwise as one sees it (roLabelImg)."""
    x, y, width, height, angle = (_number(box, key) for key in ("cx", "cy", "w", "h", "angle"))
    if width <= 0 or height <= 0:
        raise ValueError(f"<robndbox>: expected a size above 0, got {width} x {height}")
    if abs(angle) > 2 * math.pi:
        raise ValueError(f"<robndbox>: expected an angle in radians, got {angle}")
    sine, cosine = math.sin(angle), math.cos(angle)
    steps = [(across * width / 2, down * height / 2) for across, down in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return [(x - 1 + dx * cosine - dy * sine, y - 1 + dx * sine + dy * cosine) for dx, dy in steps]


def _number(element: Element, key: str) -> float:
    text = _text(element, key)
    try:
        return number(text)
    except ValueError as error:
        got = brief(text) if text else "none"
        raise ValueError(f"<{element.tag}>: expected a number in <{key}>, got {got}") from error


def _text(element: Element, path: str) -> str:
    """Returns the text under a path, stripped; empty where there is none."""
    return (element.findtext(path) or "").strip()
