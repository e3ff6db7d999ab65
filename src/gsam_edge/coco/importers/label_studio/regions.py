"""The regions of Label Studio: what is said of them, and where they are, in percent of the image.

https://labelstud.io/guide/export.html: a rectangle is turned about its left upper corner, an ellipse about its centre.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.geometry.shapes import brief, whole_number
from gsam_edge.coco.importers.label_studio.packed_runs import unpack_runs
from gsam_edge.coco.importers.reading import number
from gsam_edge.coco.importers.shapes import box_polygon, ellipse, turned, usable

_RADII, _SIDES = ("radiusX", "radiusY"), ("width", "height")


@dataclass
class Region:
    """One shape with what is said of it: the results of one id, or one value of JSON-MIN.

    Attributes:
        value: where it is, by the keys of its kind.
        labels: its classes.
        attributes: further answers, by the name of their question.
        declared_hw: height and width of the image; None where they are not stated.
        turned: degrees by which the image was turned in the tool.
    """

    value: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[Any, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    declared_hw: tuple[int, int] | None = None
    turned: Any = 0


def region_of(value: Any) -> Region | None:
    """Returns the region of a value with a place; None for anything else."""
    if not isinstance(value, Mapping) or not ({"x", "points", "rle", "vertices", "imageDataURL"} & value.keys()):
        return None
    labels = [v for key, v in value.items() if str(key).endswith("labels") and isinstance(v, list)]
    return Region(value, tuple(label for found in labels for label in found), {}, declared_hw(value))


def declared_hw(value: Mapping[str, Any]) -> tuple[int, int] | None:
    """Returns height and width of the image in pixels, as a region states them; None where it does not."""
    height, width = whole_number(value.get("original_height")), whole_number(value.get("original_width"))
    return (height, width) if height and width and min(height, width) > 0 else None


def has_area(value: Mapping[str, Any]) -> bool:
    """Whether a shape is more than a line or a key point, which has a width and no height."""
    if "points" in value:
        return value.get("closed") is not False
    return bool({"height", "radiusX", "rle", "vertices", "imageDataURL"} & value.keys())


def geometry(region: Region, image_hw: tuple[int, int], *, has_size_of_file: bool) -> dict[str, Any]:
    """Returns box or segmentation in pixels.

    Raises:
        ValueError: if a number is missing or none, or it cannot be trusted.
    """
    value = region.value
    if region.declared_hw not in (None, image_hw):
        raise ValueError(f"expected an image of {image_hw} (height, width), got {region.declared_hw}")
    if region.turned:
        raise ValueError(f"the image was turned by {brief(region.turned)} degrees in the tool: its places are in doubt")
    if "imageDataURL" in value or "vertices" in value:
        raise ValueError(f"expected a rectangle, polygon, ellipse or brush, got {brief(sorted(map(str, value)))}")
    if "rle" in value:
        return {"segmentation": _brush(value["rle"], image_hw, has_size_of_file=has_size_of_file)}
    unit = (image_hw[1] / 100, image_hw[0] / 100)
    if "points" in value:
        points = value["points"]
        if (
            not isinstance(points, list)
            or len(points) < 3
            or any(not isinstance(p, list) or len(p) != 2 for p in points)
        ):
            raise ValueError(f"expected three points [x, y] or more, got {brief(points)}")
        return {"segmentation": [[number(v) * side for point in points for v, side in zip(point, unit, strict=True)]]}
    x, y, width, height = (
        number(value.get(key)) * side
        for key, side in zip(("x", "y", *(_RADII if "radiusX" in value else _SIDES)), (*unit, *unit), strict=True)
    )
    degrees = number(value.get("rotation", 0))
    if "radiusX" in value:
        return {"segmentation": [usable(ellipse((x, y), (width, height), degrees), (width, height))]}
    if degrees % 360:
        return {"segmentation": [usable(turned(box_polygon([x, y, width, height]), degrees, (x, y)), (width, height))]}
    return {"bbox": [x, y, width, height]}


def _brush(codes: Any, image_hw: tuple[int, int], *, has_size_of_file: bool) -> dict[str, Any]:
    if not has_size_of_file or not isinstance(codes, list):
        raise ValueError("expected a list of numbers, for an image that is declared in the size of its file")
    rgba = unpack_runs(codes, 4 * image_hw[0] * image_hw[1])
    return encode_mask(rgba[3::4].reshape(image_hw) > 127)
