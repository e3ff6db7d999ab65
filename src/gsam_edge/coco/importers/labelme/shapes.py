"""Reads the shapes of a LabelMe file, also as AnyLabeling and X-AnyLabeling write them."""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.geometry.shapes import MAX_COORDINATE, Point, brief
from gsam_edge.coco.importers.masks.files import placed, read_mask
from gsam_edge.coco.importers.reading import number
from gsam_edge.coco.importers.shapes import ellipse, tight_box

WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
#: Rectangles of four corners that lie across the axes, as X-AnyLabeling and LabelMe 6 name them.
_ROTATED = frozenset({"rotation", "oriented_rectangle"})
_POLYGONS = frozenset({None, "polygon", "quadrilateral"})
#: Keys that are kept where they say something.
_KEPT = ("group_id", "flags", "description", "difficult", "score", "attributes")
#: Keys that are read, or say how a shape is drawn or was made.
_KNOWN = frozenset({
    *_KEPT, "label", "points", "shape_type", "mask", "direction", "line_color", "fill_color", "locked", "visible",
    "selected", "other_data",
})  # fmt: skip
_DATA_URL = re.compile(r"\Adata:[^,]{0,100},")
#: A corner is this near (pixels) to the corner of its box where a rectangle lies along the axes.
_UPRIGHT = 1.0
#: By so many pixels the side of a mask may differ from the pixels between its points, both counted.
_MASK_SIDE = 1.5


@dataclass(frozen=True)
class Shape:
    """A shape that can be used.

    Attributes:
        label: its class.
        geometry: `bbox` or `segmentation`.
        extra: further keys of the record.
        group: what it shares with the other parts of its object.
        noted: what should be known of it: code and detail.
        unread: keys that hold something and are not read.
    """

    label: str
    geometry: dict[str, Any]
    extra: dict[str, Any]
    group: Any = None
    noted: Mapping[str, str] = field(default_factory=dict)
    unread: Sequence[str] = ()


def read_shape(shape: Any, canvas_hw: tuple[int, int] | None) -> Shape:
    """Reads a shape.

    Args:
        shape: an entry of `shapes`, as parsed from JSON.
        canvas_hw: height and width of the image; None where its declared size is not that of its file.

    Raises:
        ValueError: if it has no label, or is no shape with an area.
        ImageError: if its mask is no image, or larger than its image.
    """
    if not isinstance(shape, Mapping):
        raise ValueError(f"expected a shape with a label, got {brief(shape)}")
    label = label_of(shape)
    if not label:
        raise ValueError(f"expected a label in words, got {brief(shape.get('label'))}")
    extra = {key: shape[key] for key in _KEPT if shape.get(key)}
    if shape.get("group_id") == 0:
        extra["group_id"] = 0
    # A lone surrogate is valid JSON and no text: encoding it raises a ValueError.
    json.dumps([label, extra], ensure_ascii=False).encode()
    geometry, noted = _geometry(shape, _points(shape.get("points")), canvas_hw)
    if not isinstance(shape["label"], str):
        noted |= {"label_not_text": f"label {shape['label']}"}
    unread = [str(key) for key in shape if key not in _KNOWN and shape[key]]
    return Shape(label, geometry, extra, extra.get("group_id"), noted, unread)


def label_of(shape: Mapping[str, Any]) -> str:
    """Returns the label of a shape without the blanks around it, a whole number as text; blank where it has none."""
    label = shape.get("label")
    return label.strip() if isinstance(label, str) else str(label) if type(label) is int else ""


def _geometry(
    shape: Mapping[str, Any], points: Sequence[Point], canvas_hw: tuple[int, int] | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns box or segmentation, and what should be known of it."""
    kind, flat = shape.get("shape_type"), [v for point in points for v in point]
    if isinstance(kind, str | None):
        if kind in _POLYGONS and len(points) >= 3:
            return {"segmentation": [flat]}, {}
        if kind in _ROTATED and len(points) == 4:
            return {"segmentation": [flat]}, {"rotated": f"{kind} of four corners"}
        if kind == "rectangle" and len(points) in (2, 4):
            box = tight_box(points)
            is_upright = len(points) == 2 or _is_upright(points, box)
            return {"bbox": box}, {} if is_upright else {
                "box_of_corners": ", ".join(f"({x:g}, {y:g})" for x, y in points)
            }
        if kind == "mask" and len(points) == 2:
            return {"segmentation": _mask(shape.get("mask"), points, canvas_hw)}, {}
        if kind == "circle" and len(points) == 2:
            radius = math.hypot(points[1][0] - points[0][0], points[1][1] - points[0][1])
            return {"segmentation": [ellipse(points[0], (radius, radius))]}, {}
    raise ValueError(
        f"expected a polygon, rectangle, rotation, circle or mask, got {str(kind)[:40]!r} of {len(points)} points"
    )


def _is_upright(points: Sequence[Point], box: Sequence[float]) -> bool:
    """Whether four points lie near the four corners of their box."""
    left, top, width, height = box
    corners = [(left, top), (left + width, top), (left, top + height), (left + width, top + height)]
    return all(any(math.dist(corner, point) <= _UPRIGHT for point in points) for corner in corners)


def _mask(text: Any, points: Sequence[Point], canvas_hw: tuple[int, int] | None) -> dict[str, Any]:
    if canvas_hw is None:
        raise ValueError("expected a mask of an image that is declared in the size of its file")
    mask = read_mask(decoded(text, "mask"), name="mask", max_pixels=canvas_hw[0] * canvas_hw[1])
    left, top, width, height = tight_box(points)
    between = (height + 1, width + 1)
    if any(abs(side - expected) > _MASK_SIDE for side, expected in zip(mask.values.shape, between, strict=True)):
        raise ValueError(
            f"expected a mask of the height and width between its points, {between[0]:g} x {between[1]:g}, got "
            f"{mask.values.shape[0]} x {mask.values.shape[1]}"
        )
    return encode_mask(placed(mask.values != 0, (round(left), round(top)), canvas_hw))


def decoded(text: Any, key: str) -> bytes:
    """Decodes base64, also in lines or as the data of a URL. Raises ValueError where a value is none."""
    bare = _DATA_URL.sub("", str(text), count=1)
    try:
        return base64.b64decode("".join(bare.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{key}: expected base64, but: {error}") from error


def _points(points: Any) -> list[Point]:
    if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 2 for p in points):
        raise ValueError(f"expected a list of points [x, y], got {brief(points)}")
    found = [(number(x), number(y)) for x, y in points]
    if any(max(abs(x), abs(y)) > MAX_COORDINATE for x, y in found):
        raise ValueError(f"expected coordinates within {MAX_COORDINATE:.0f} pixels")
    return found
