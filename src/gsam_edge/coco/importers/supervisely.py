"""Supervisely: `meta.json`, and for each image in `img/` a file in `ann/` with rectangles, polygons and bitmaps.

https://docs.supervisely.com/customization-and-integration/00_ann_format_navi.
"""

import base64
import binascii
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.geometry.shapes import MAX_COORDINATE, brief, is_text, polygon_fault, whole_number
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.masks.files import placed
from gsam_edge.coco.importers.pairing.rule import Claim
from gsam_edge.coco.importers.reading import SourceFiles, number, read_json, with_suffix
from gsam_edge.coco.importers.shapes import box_polygon, cut_out, turned, united, usable
from gsam_edge.vision.images import ImageError, opened_image

_WITHOUT_AREA = frozenset({"point", "line", "polyline", "graph", "cuboid", "cuboid_2d", "cuboid_3d"})
#: Bytes of an unpacked bitmap beyond those of its pixels: headers and palette.
_HEADER_BYTES = 1 << 16


def import_supervisely(files: SourceFiles, *, labels_lost: LabelsLost) -> Imported:
    """Imports Supervisely: rectangles as boxes; polygons, with their holes cut, and bitmaps as segmentations.

    Classes come from `meta.json`, in its order. Tags of images and objects stay under `tags`.
    """
    collector = Collector(files, labels_lost=labels_lost)
    documents: dict[str, Mapping[str, Any]] = {}
    for name, document in collector.parsed(with_suffix(files, ".json"), read_json):
        if isinstance(document, Mapping) and isinstance(document.get("objects"), list):
            documents[name] = document
        elif isinstance(document, Mapping) and isinstance(document.get("classes"), list):
            collector.use(name)
            for item in document["classes"]:
                title = item.get("title") if isinstance(item, Mapping) else None
                if is_text(title):
                    collector.add_class(title.strip())
        else:
            collector.leave_file(name, "file_not_used", "neither a list of classes nor one of objects")
    objects = {name: len(document["objects"]) for name, document in documents.items()}
    pairs = collector.pair([Claim(name) for name in documents], files.image_names(), objects)
    for name, image_name in sorted(pairs.image_of.items()):
        collector.use(name)
        _add_image(collector, documents[name], image_name, name)
    return collector.finish("supervisely")


def _add_image(collector: Collector, document: Mapping[str, Any], image_name: str, name: str) -> None:
    size = document.get("size")
    height, width = (
        whole_number(size.get(side)) if isinstance(size, Mapping) else None for side in ("height", "width")
    )
    declared_hw = (height, width) if height and width and min(height, width) > 0 else None
    image = collector.add_image(image_name, declared_hw, **_tags(document))
    for row, item in enumerate(document["objects"]):
        where = f"{name}: object {row}"
        if image is None:
            collector.account.leave("objects", "image_unreadable")
            continue
        kind = item.get("geometryType") if isinstance(item, Mapping) else None
        if isinstance(kind, str) and kind in _WITHOUT_AREA:
            collector.lose_object(image, "shape_without_area", where, kind)
            continue
        try:
            title = item.get("classTitle") if isinstance(item, Mapping) else None
            if not is_text(title):
                raise ValueError(f"expected an object with a classTitle, got {brief(item)}")
            canvas_hw = (image["height"], image["width"]) if collector.has_size_of_file(image) else None
            found = _geometry(item, kind, canvas_hw)
        except (ValueError, ImageError) as error:
            collector.lose_object(image, "object_malformed", where, str(error))
            continue
        if kind == "oriented_bbox" and "segmentation" in found:
            collector.note("rotated", where, f"by {brief(item.get('angle'))} radians")
        collector.add_object(image, title.strip(), **found, **_tags(item))


def _tags(item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the tags of an image or object, each by its name; true where it has no value."""
    tags = item.get("tags")
    named = (
        [tag for tag in tags if isinstance(tag, Mapping) and is_text(tag.get("name"))] if isinstance(tags, list) else []
    )
    values = {tag["name"]: True if tag.get("value") is None else tag["value"] for tag in named}
    return {"tags": values} if values else {}


def _geometry(item: Mapping[str, Any], kind: Any, canvas_hw: tuple[int, int] | None) -> dict[str, Any]:
    """Returns box or segmentation; `canvas_hw` is None where the image's declared size is not that of its file.

    Raises:
        ValueError: if it is damaged, or needs a size that cannot be trusted.
        ImageError: if a bitmap does not decode.
    """
    if kind == "bitmap":
        return {"segmentation": _bitmap(item.get("bitmap"), canvas_hw)}
    points = item.get("points")
    if kind in ("rectangle", "oriented_bbox"):
        corners = list(_points(points.get("exterior") if isinstance(points, Mapping) else points))
        if len(corners) != 2:
            raise ValueError(f"expected two corners of a rectangle, got {brief(points)}")
        (left, top), (right, bottom) = (tuple(map(pick, zip(*corners, strict=True))) for pick in (min, max))
        radians = number(item.get("angle", 0)) if kind == "oriented_bbox" else 0
        if not radians:
            return {"bbox": [left, top, right - left, bottom - top]}
        pivot = ((left + right) / 2, (top + bottom) / 2)
        flat = turned(box_polygon([left, top, right - left, bottom - top]), math.degrees(radians), pivot)
        return {"segmentation": [usable(flat, (right - left, bottom - top))]}
    if kind not in ("polygon", "multipolygon"):
        raise ValueError(f"expected a rectangle, polygon or bitmap, got {brief(kind)}")
    parts = [_part(part) for part in ([points] if kind == "polygon" else item.get("parts") or [None])]
    if not any(holes for _, holes in parts):
        return {"segmentation": [outline for outline, _ in parts]}
    if canvas_hw is None:
        raise ValueError("expected holes in an image that is declared in the size of its file")
    for flat in (flat for outline, holes in parts for flat in (outline, *holes)):
        if (fault := polygon_fault(flat)) is not None:
            raise ValueError(fault)
    cut = [cut_out([outline], [[hole] for hole in holes], canvas_hw) for outline, holes in parts]
    return {"segmentation": united(cut, canvas_hw)}


def _part(points: Any) -> tuple[list[float], list[list[float]]]:
    """Returns outline and holes of a polygon."""
    inner = points.get("interior") or [] if isinstance(points, Mapping) else None
    if not isinstance(points, Mapping) or not isinstance(inner, list):
        raise ValueError(f"expected an exterior and a list of interiors, got {brief(points)}")
    outline, *holes = ([v for point in _points(ring) for v in point] for ring in (points.get("exterior"), *inner))
    if len(outline) < 6:
        raise ValueError(f"expected three points or more, got {len(outline) // 2}")
    return outline, [hole for hole in holes if len(hole) >= 6]  # a line cuts nothing


def _points(points: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(points, list):
        raise ValueError(f"expected a list of points [x, y], got {brief(points)}")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError(f"expected a point [x, y], got {brief(point)}")
        yield number(point[0]), number(point[1])


def _bitmap(bitmap: Any, canvas_hw: tuple[int, int] | None) -> dict[str, Any]:
    if canvas_hw is None:
        raise ValueError("expected a bitmap of an image that is declared in the size of its file")
    if not isinstance(bitmap, Mapping):
        raise ValueError(f"expected a bitmap with data and origin, got {brief(bitmap)}")
    (left, top), *_ = _points([bitmap.get("origin")])
    if max(abs(left), abs(top)) > MAX_COORDINATE:
        raise ValueError(f"expected an origin within {MAX_COORDINATE:.0f} pixels, got {brief(bitmap.get('origin'))}")
    try:
        packed = base64.b64decode(str(bitmap.get("data")), validate=True)
    except binascii.Error as error:
        raise ValueError(f"bitmap: expected base64, but: {error}") from error
    mask = _decoded(_unpacked(packed, canvas_hw), canvas_hw)
    return encode_mask(placed(mask, (round(left), round(top)), canvas_hw))


def _unpacked(packed: bytes, canvas_hw: tuple[int, int]) -> bytes:
    """Returns the image file of a bitmap, which newer exports do not compress again.

    Raises:
        ValueError: if it does not unpack, or to more than an uncompressed image of this size.
    """
    if packed.startswith(b"\x89PNG"):
        return packed
    most = 4 * canvas_hw[0] * canvas_hw[1] + _HEADER_BYTES
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, most)
    except zlib.error as error:
        raise ValueError(f"bitmap: expected compressed data, but: {error}") from error
    if not unpacker.eof:
        raise ValueError(f"bitmap: expected at most {most} bytes, and whole")
    return content


def _decoded(content: bytes, canvas_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns a bitmap, bool [h, w]: its pixels that are not transparent, or not black where it has no transparency."""
    with opened_image(content, name="bitmap", max_pixels=canvas_hw[0] * canvas_hw[1]) as image:
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        pixels = image.convert("RGBA").getchannel("A") if has_alpha else image.convert("L")
        return np.asarray(pixels) > 0
