"""LabelMe: one JSON file per image with polygons, rectangles, circles and masks (wkentaro/labelme, format 3 to 5)."""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gsam_edge.coco.importers.collect import Collector, Imported, SourceFiles, number, read_json, with_suffix
from gsam_edge.coco.importers.masks import decode_mask, placed
from gsam_edge.vision.masks import encode_mask

#: Corners of the polygon that stands for a circle: it misses 0.16 % of its area.
_CIRCLE_CORNERS = 64
_WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})


def import_labelme(files: SourceFiles) -> Imported:
    """LabelMe as COCO: polygons, circles and masks as segmentation, rectangles as boxes, group and flags beside them.

    Polygons of one image, label and `group_id` are the parts of one object.
    """
    collector = Collector(files)
    known = set(files.image_names())
    taken: dict[str, str] = {}
    for name in with_suffix(files, ".json"):
        try:
            document = read_json(files, name)
            if not isinstance(document, Mapping) or not isinstance(document.get("shapes"), list):
                raise ValueError("expected a mapping with a list of shapes")
        except (ValueError, OSError) as error:
            collector.skip("file_unreadable", name, str(error))
            continue
        image_name = _image_of(document, name, known)
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


def _image_of(document: Mapping[str, Any], name: str, known: set[str]) -> str | None:
    """The image that `imagePath` names, relative to the JSON file, else the one that is called like the file."""
    folder = PurePosixPath(name).parent
    path = PurePosixPath(str(document.get("imagePath", "")).replace("\\", "/"))
    steps: list[str] = []
    for part in (folder / path).parts:
        steps = steps[:-1] if part == ".." else [*steps, part]
    stems = {str(PurePosixPath(image).with_suffix("")): image for image in known}
    beside = (folder / path.name).as_posix()
    candidates = ("/".join(steps), beside, stems.get(str(PurePosixPath(name).with_suffix(""))))
    return next((candidate for candidate in candidates if candidate in known), None)


def _add_image(collector: Collector, document: Mapping[str, Any], image_name: str, name: str) -> None:
    height, width = document.get("imageHeight"), document.get("imageWidth")
    declared = None
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        declared = (height, width)
    image = collector.add_image(image_name, declared)
    if image is None:
        return
    parts: dict[tuple[str, str], list[Any]] = {}
    for row, shape in enumerate(document["shapes"]):
        where = f"{name}: shape {row}"
        kind = shape.get("shape_type", "polygon") if isinstance(shape, Mapping) else None
        if kind in _WITHOUT_AREA:
            collector.skip("shape_without_area", where, str(kind))
            continue
        try:
            label, found, extra = _object(shape, kind, (image["height"], image["width"]))
        except (ValueError, OSError) as error:
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


def _object(shape: Any, kind: Any, image_hw: tuple[int, int]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Label, box or segmentation, and what else is said. Raises ValueError where a shape is none."""
    if not isinstance(shape, Mapping) or not isinstance(shape.get("label"), str) or not shape["label"].strip():
        raise ValueError("expected a shape with a label")
    points = _points(shape.get("points"))
    extra = {key: shape[key] for key in ("group_id", "flags", "description") if shape.get(key)}
    if shape.get("group_id") == 0:
        extra["group_id"] = 0
    return shape["label"].strip(), _geometry(kind, points, shape, image_hw), extra


def _geometry(
    kind: Any, points: Sequence[tuple[float, float]], shape: Mapping[str, Any], image_hw: tuple[int, int]
) -> dict[str, Any]:
    if kind == "polygon" and len(points) >= 3:
        return {"segmentation": [[v for point in points for v in point]]}
    if kind in ("rectangle", "mask") and len(points) == 2:
        left, right = sorted(x for x, _ in points)
        top, bottom = sorted(y for _, y in points)
        if kind == "rectangle":
            return {"bbox": [left, top, right - left, bottom - top]}
        try:
            content = base64.b64decode(str(shape.get("mask")), validate=True)
        except binascii.Error as error:
            raise ValueError(f"mask: expected base64, but: {error}") from error
        mask = decode_mask(content, max_pixels=image_hw[0] * image_hw[1])
        return {"segmentation": encode_mask(placed(mask, (round(left), round(top)), image_hw))}
    if kind == "circle" and len(points) == 2:
        (x, y), edge = points[0], points[1]
        radius = math.hypot(edge[0] - x, edge[1] - y)
        turns = [2 * math.pi * corner / _CIRCLE_CORNERS for corner in range(_CIRCLE_CORNERS)]
        return {"segmentation": [[v for t in turns for v in (x + radius * math.cos(t), y + radius * math.sin(t))]]}
    raise ValueError(f"expected a polygon, rectangle, circle or mask, got {str(kind)[:40]!r} of {len(points)} points")


def _points(points: Any) -> list[tuple[float, float]]:
    if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 2 for p in points):
        raise ValueError("expected a list of points [x, y]")
    return [(number(x), number(y)) for x, y in points]
