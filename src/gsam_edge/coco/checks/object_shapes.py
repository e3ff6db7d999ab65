"""Checks the box and the mask of one annotation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gsam_edge.coco.checks.findings import Case
from gsam_edge.coco.checks.values import as_polygons, in_coco_layout, is_of_nothing, read_rle_text, read_text
from gsam_edge.coco.geometry.segmentation import segmentation_pixels
from gsam_edge.coco.geometry.shapes import (
    OUTLINE_LIMIT,
    brief,
    clip_polygon,
    clip_xywh,
    enclosed_area,
    finite_numbers,
    is_inside,
    is_polygon_inside,
    outline_length,
    polygon_fault,
)


@dataclass(frozen=True)
class CheckedShape:
    """A box or a mask after its check.

    Attributes:
        value: the sound `bbox` or `segmentation` (the file's own object where it was sound), None where there is none.
        area: in pixels.
        outline_area: pixels enclosed by the polygons of a mask, which is `area` in COCO's own files; else as `area`.
        dropped_for: code and detail of the fault for which the whole annotation is to be dropped.
    """

    value: Any = None
    area: float = 0.0
    outline_area: float = 0.0
    dropped_for: tuple[str, str] | None = None


def check_bbox(case: Case, bbox: Any, image_hw: tuple[int, int]) -> CheckedShape:
    """Checks the box (left, top, width, height; pixels) of an annotation and clips it to its image.

    `None` and `[]` mean no box and are no fault. Raises InvalidDatasetError for a fault with the policy `error`.
    """
    if bbox is None or bbox == []:
        return CheckedShape()
    numbers = finite_numbers(bbox)
    if numbers is None and (numbers := finite_numbers(read_text(bbox))) is not None and len(numbers) == 4:
        case.fault("number_as_text", f"bbox {brief(bbox)}")
        bbox = numbers
    if numbers is None or len(numbers) != 4:
        return _taken_away(case, "box_malformed", f"expected four finite numbers, got {brief(bbox)}")
    if numbers[2] <= 0 or numbers[3] <= 0:
        return _taken_away(case, "box_without_size", f"bbox {brief(bbox)}")
    clipped = clip_xywh(numbers, image_hw)
    if clipped is not None and is_inside(numbers, image_hw):
        return _box(bbox, numbers)
    code = "box_off_image" if clipped is None else "box_outside"
    detail = f"bbox {brief(bbox)} in an image of {image_hw[0]} x {image_hw[1]} (height x width)"
    policy = case.fault(code, detail)
    if clipped is None or policy == "drop":
        return CheckedShape(dropped_for=(code, detail) if policy == "drop" else None)
    return _box(clipped, clipped) if policy == "fix" else _box(bbox, numbers)


def _box(bbox: Any, numbers: list[float]) -> CheckedShape:
    area = numbers[2] * numbers[3]
    return CheckedShape(bbox, area, area)


def check_segmentation(case: Case, segmentation: Any, image_hw: tuple[int, int]) -> CheckedShape:
    """Checks the mask of an annotation and clips its polygons to the image.

    `None` means no mask and is no fault. Raises InvalidDatasetError for a fault with the policy `error`.
    """
    if segmentation is None:
        return CheckedShape()
    if isinstance(segmentation, str) and isinstance(read := read_text(segmentation), list | Mapping):
        case.fault("number_as_text", f"segmentation {brief(segmentation)}")
        segmentation = read
    if segmentation in ([], {}):
        return _taken_away(case, "segmentation_empty", f"segmentation {segmentation}")
    if is_of_nothing(segmentation):
        return _taken_away(case, "segmentation_blank", f"segmentation {brief(segmentation)}")
    if not isinstance(segmentation, list | Mapping):
        return _taken_away(case, "segmentation_malformed", f"expected polygons or RLE, got {brief(segmentation)}")
    return _check_mask(case, segmentation, image_hw)


def _check_mask(case: Case, segmentation: list[Any] | Mapping[str, Any], image_hw: tuple[int, int]) -> CheckedShape:
    """Checks a segmentation that holds something, in any of the layouts that are read."""
    read = in_coco_layout(segmentation)
    if read is not segmentation:
        code, detail = "polygon_in_other_layout", f"segmentation {brief(segmentation)} is read as {brief(read)}"
        if case.fault(code, detail) == "drop":
            return CheckedShape(dropped_for=(code, detail))
    if isinstance(read, Mapping):
        return _with_area(case, read, image_hw)
    polygons = _check_polygons(case, read, image_hw)
    return polygons if polygons.value is None else _with_area(case, polygons.value, image_hw)


def _with_area(case: Case, segmentation: Any, image_hw: tuple[int, int]) -> CheckedShape:
    try:
        area = segmentation_pixels(segmentation, image_hw)
    except ValueError as error:
        read = read_rle_text(segmentation)
        if read is not segmentation:
            case.fault("number_as_text", f"segmentation {brief(segmentation)}")
            return _with_area(case, read, image_hw)
        return _taken_away(case, "rle_malformed", str(error))
    if area == 0:
        return _taken_away(case, "mask_empty", f"segmentation {brief(segmentation)} covers no pixel")
    enclosed = area if isinstance(segmentation, Mapping) else sum(map(enclosed_area, segmentation))
    return CheckedShape(segmentation, float(area), float(enclosed))


def _check_polygons(case: Case, segmentation: list[Any], image_hw: tuple[int, int]) -> CheckedShape:
    polygons = read = segmentation
    if any(map(polygon_fault, segmentation)):
        read = read_text(segmentation)
        polygons = as_polygons(read)
    whole: list[Any] = []
    cut: list[Any] = []
    broken: list[str] = []
    for part, polygon in enumerate(polygons):
        fault = polygon_fault(polygon)
        inside = polygon if fault or is_polygon_inside(polygon, image_hw) else clip_polygon(polygon, image_hw)
        fault = fault or _outline_fault(inside, image_hw)
        if fault is not None:
            broken.append(f"polygon {part}, {brief(polygon)}: {fault}")
            continue
        whole.append(polygon)
        cut.append(inside)
    if whole and read is not segmentation:
        case.fault("number_as_text", f"segmentation {brief(segmentation)}")
    if whole and polygons is not read:
        code, detail = "polygon_in_other_layout", f"segmentation {brief(segmentation)} is read as {brief(polygons)}"
        if case.fault(code, detail) == "drop":
            return CheckedShape(dropped_for=(code, detail))
    if broken and case.fault("polygon_malformed", broken[0]) == "drop":
        return CheckedShape(dropped_for=("polygon_malformed", broken[0]))
    sound = polygons if not broken else whole or None
    if cut != whole:
        detail = f"{brief(polygons)} leaves an image of {image_hw[0]} x {image_hw[1]} (height x width)"
        if case.fault("polygon_outside", detail) == "drop":
            return CheckedShape(dropped_for=("polygon_outside", detail))
        sound = [polygon for polygon in cut if polygon] or None
    return CheckedShape(sound)


def _outline_fault(inside: list[float], image_hw: tuple[int, int]) -> str | None:
    limit = OUTLINE_LIMIT * image_hw[0] * image_hw[1]
    length = outline_length(inside)
    return None if length <= limit else f"expected an outline of at most {limit:g} pixels, of {length:g}"


def _taken_away(case: Case, code: str, detail: str) -> CheckedShape:
    policy = case.fault(code, detail)
    return CheckedShape(dropped_for=(code, detail) if policy == "drop" else None)
