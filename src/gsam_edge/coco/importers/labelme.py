"""LabelMe: one JSON file per image with polygons, rectangles, circles and masks (wkentaro/labelme, format 3 to 5)."""

import base64
import binascii
import json
import math
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.geometry.shapes import MAX_COORDINATE
from gsam_edge.coco.importers.collect import Collector, Imported, SourceFiles, number, read_json, with_suffix
from gsam_edge.coco.importers.masks import decode_mask, placed
from gsam_edge.vision.images import ImageError

#: Corners of the polygon that replaces a circle: it misses 0.16 % of its area.
_CIRCLE_CORNERS = 64
_WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})


def import_labelme(files: SourceFiles) -> Imported:
    """Imports LabelMe: polygons, circles and masks as segmentation, rectangles as boxes, with group and flags.

    Polygons of one image, label and `group_id` are the parts of one object.
    """
    collector = Collector(files)
    known = set(files.image_names())
    by_stem = {posixpath.splitext(image)[0]: image for image in known}
    taken: dict[str, str] = {}
    for name in with_suffix(files, ".json"):
        try:
            document = read_json(files, name)
            if not isinstance(document, Mapping) or not isinstance(document.get("shapes"), list):
                raise ValueError("expected a mapping with a list of shapes")
        except (ValueError, OSError) as error:
            collector.skip("file_unreadable", name, str(error))
            continue
        image_name = _image_of(document, name, known, by_stem)
        if image_name is None:
            collector.skip("image_missing", name, f"no image {document.get('imagePath')!r} in the folder")
        elif image_name in taken:
            collector.skip("image_annotated_twice", name, f"{image_name} has {taken[image_name]}")
        else:
            taken[image_name] = name
            _add_image(collector, document, image_name, name)
    for image_name in sorted(known - taken.keys()):
        collector.skip("image_not_annotated", image_name, "no JSON file names it")
    return collector.finish("labelme")


def _image_of(document: Mapping[str, Any], name: str, known: set[str], by_stem: Mapping[str, str]) -> str | None:
    """Returns the image that `imagePath` names, relative to the JSON file, else the one with the JSON file's name."""
    folder = posixpath.dirname(name)
    path = str(document.get("imagePath", "")).replace("\\", "/")
    named = posixpath.normpath(posixpath.join(folder, path))
    beside = posixpath.join(folder, posixpath.basename(path))
    candidates = (named, beside, by_stem.get(posixpath.splitext(name)[0]))
    return next((candidate for candidate in candidates if candidate in known), None)


def _add_image(collector: Collector, document: Mapping[str, Any], image_name: str, name: str) -> None:
    height, width = document.get("imageHeight"), document.get("imageWidth")
    declared = None
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        declared = (height, width)
    image = collector.add_image(image_name, declared)
    if image is None:
        return
    canvas_hw = (image["height"], image["width"]) if collector.has_size_of_file(image) else None
    parts: dict[tuple[str, str], list[Any]] = {}
    for row, shape in enumerate(document["shapes"]):
        where = f"{name}: shape {row}"
        kind = shape.get("shape_type", "polygon") if isinstance(shape, Mapping) else None
        if isinstance(kind, str) and kind in _WITHOUT_AREA:
            collector.skip("shape_without_area", where, kind)
            continue
        try:
            label, found, extra = _object(shape, kind, canvas_hw)
        except (ValueError, ImageError) as error:
            collector.skip("object_malformed", where, str(error))
            continue
        group = extra.get("group_id")
        polygons = found.get("segmentation")
        if group is None or not isinstance(polygons, list):
            collector.add_object(image, label, **found, **extra)
        elif (label, str(group)) in parts:
            parts[label, str(group)] += polygons
        else:
            parts[label, str(group)] = polygons
            collector.add_object(image, label, **found, **extra)


def _object(shape: Any, kind: Any, canvas_hw: tuple[int, int] | None) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Returns label, box or segmentation, and further keys. Raises ValueError for a shape that cannot be used."""
    if not isinstance(shape, Mapping) or not isinstance(shape.get("label"), str) or not shape["label"].strip():
        raise ValueError("expected a shape with a label")
    points = _points(shape.get("points"))
    extra = {key: shape[key] for key in ("group_id", "flags", "description") if shape.get(key)}
    if shape.get("group_id") == 0:
        extra["group_id"] = 0
    # A lone surrogate is valid JSON and no text: encoding it raises a ValueError.
    json.dumps([shape["label"], extra], ensure_ascii=False).encode()
    return shape["label"].strip(), _geometry(kind, points, shape, canvas_hw), extra


def _geometry(
    kind: Any, points: Sequence[tuple[float, float]], shape: Mapping[str, Any], canvas_hw: tuple[int, int] | None
) -> dict[str, Any]:
    """Returns box or segmentation; `canvas_hw` is None where the image's declared size is not that of its file."""
    if kind == "polygon" and len(points) >= 3:
        return {"segmentation": [[v for point in points for v in point]]}
    if kind in ("rectangle", "mask") and len(points) == 2:
        left, right = sorted(x for x, _ in points)
        top, bottom = sorted(y for _, y in points)
        if kind == "rectangle":
            return {"bbox": [left, top, right - left, bottom - top]}
        if canvas_hw is None:
            raise ValueError("expected a mask of an image that is declared in the size of its file")
        try:
            content = base64.b64decode(str(shape.get("mask")), validate=True)
        except binascii.Error as error:
            raise ValueError(f"mask: expected base64, but: {error}") from error
        mask = decode_mask(content, max_pixels=canvas_hw[0] * canvas_hw[1])
        return {"segmentation": encode_mask(placed(mask, (round(left), round(top)), canvas_hw))}
    if kind == "circle" and len(points) == 2:
        (x, y), edge = points[0], points[1]
        radius = math.hypot(edge[0] - x, edge[1] - y)
        turns = [2 * math.pi * corner / _CIRCLE_CORNERS for corner in range(_CIRCLE_CORNERS)]
        return {"segmentation": [[v for t in turns for v in (x + radius * math.cos(t), y + radius * math.sin(t))]]}
    raise ValueError(f"expected a polygon, rectangle, circle or mask, got {str(kind)[:40]!r} of {len(points)} points")


def _points(points: Any) -> list[tuple[float, float]]:
    if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 2 for p in points):
        raise ValueError("expected a list of points [x, y]")
    found = [(number(x), number(y)) for x, y in points]
    if any(max(abs(x), abs(y)) > MAX_COORDINATE for x, y in found):
        raise ValueError(f"expected coordinates within {MAX_COORDINATE:.0f} pixels")
    return found
