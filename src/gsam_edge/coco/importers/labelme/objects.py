"""Makes objects of LabelMe's shapes: joins the parts of groups, cuts holes out, sets areas to be ignored apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.labelme.shapes import WITHOUT_AREA, Shape, label_of, read_shape
from gsam_edge.coco.importers.shapes import box_polygon, cut_out, drawn, united
from gsam_edge.vision.images import ImageError


@dataclass
class _Object:
    where: str
    label: str
    extra: dict[str, Any]
    bbox: list[float] | None
    parts: list[Any]

    def segmentation(self, image_hw: tuple[int, int] | None) -> Any:
        """Returns polygons, or the RLE of all parts where one of them is an RLE; raises ValueError as `united`."""
        if len(self.parts) == 1 or image_hw is None or all(isinstance(part, list) for part in self.parts):
            return [polygon for part in self.parts for polygon in part] if self.parts[1:] else self.parts[0]
        return united(self.parts, image_hw)


def add_shapes(collector: Collector, image: Mapping[str, Any], shapes: Sequence[Any], file: str) -> None:
    """Adds the objects of one image; every shape is taken or left.

    Outlines and masks of one label and `group_id` are one object. A shape labelled `_background_` is cut out of the
    outlines and masks around it, one labelled `__ignore__` is an area to be ignored.

    Args:
        collector: gets the objects.
        image: the image's record.
        shapes: as parsed from JSON.
        file: the name of their file.
    """
    canvas_hw = (image["height"], image["width"]) if collector.has_size_of_file(image) else None
    objects: list[_Object] = []
    groups: dict[tuple[str, str], _Object] = {}
    holes: list[tuple[str, Shape]] = []
    for row, shape in enumerate(shapes):
        where = f"{file}: shape {row}"
        read = _read(collector, image, shape, where, canvas_hw)
        if read is None:
            continue
        role, key = _role(read.label), (read.label, str(read.group))
        if role == "ignore":
            collector.ignore_area(image, f"{where}, {read.label}", **read.geometry, **read.extra)
        elif role == "background":
            holes.append((f"{where}, {read.label}", read))
        elif read.group is not None and "segmentation" in read.geometry and key in groups:
            groups[key].parts.append(read.geometry["segmentation"])
            collector.account.take("elements")
        else:
            parts = [read.geometry["segmentation"]] if "segmentation" in read.geometry else []
            objects.append(_Object(where, read.label, read.extra, read.geometry.get("bbox"), parts))
            if read.group is not None and parts:
                groups[key] = objects[-1]
    cut = _cut(collector, objects, holes, canvas_hw)
    for one in objects:
        try:
            geometry = {"bbox": one.bbox} if one.bbox else {"segmentation": one.segmentation(canvas_hw)}
            if one.where in cut and canvas_hw is not None:
                geometry = {"segmentation": cut_out(geometry["segmentation"], cut[one.where], canvas_hw)}
        except ValueError as error:
            collector.lose_object(image, "object_malformed", one.where, str(error))
        else:
            collector.add_object(image, one.label, **geometry, **one.extra)


def count_objects(shapes: Sequence[Any]) -> int:
    """Returns how many objects `add_shapes` makes of shapes that can all be read; what cannot counts as one each."""
    groups: set[tuple[str, str]] = set()
    count = 0
    for shape in shapes:
        known = shape if isinstance(shape, Mapping) else {}
        label, group = label_of(known), known.get("group_id")
        is_part = group is not None and known.get("shape_type") != "rectangle"
        count += not (_role(label) == "background" or (is_part and (label, str(group)) in groups))
        if is_part:
            groups.add((label, str(group)))
    return count


def _read(
    collector: Collector, image: Mapping[str, Any], shape: Any, where: str, canvas_hw: tuple[int, int] | None
) -> Shape | None:
    """Reads a shape and says what should be known of it; None, with its reason, where it is left behind."""
    kind = shape.get("shape_type") if isinstance(shape, Mapping) else None
    if isinstance(kind, str) and kind in WITHOUT_AREA:
        collector.lose_object(image, "shape_without_area", where, kind)
        return None
    try:
        read = read_shape(shape, canvas_hw)
    except (ValueError, ImageError) as error:
        collector.lose_object(image, "object_malformed", where, str(error))
        return None
    for key in read.unread:
        collector.skip("element_not_used", where, f"key {key!r}")
    for code, detail in read.noted.items():
        collector.note(code, where, detail)
    return read


def _role(label: str) -> str | None:
    """Returns what the two labels mean that stand in every list of LabelMe's examples; None for a class."""
    bare = label.strip("_").casefold()
    return bare if bare in ("ignore", "background") and label.startswith("_") and label.endswith("_") else None


def _cut(
    collector: Collector,
    objects: Sequence[_Object],
    holes: Sequence[tuple[str, Shape]],
    image_hw: tuple[int, int] | None,
) -> dict[str, list[Any]]:
    """Returns the holes of each object, by its place in the file; each hole is cut out, or named as left behind.

    An object that lies within a hole and is smaller is one of its own: nothing is cut out of it.
    """
    cut: dict[str, list[Any]] = {}
    masks: dict[str, NDArray[np.bool_]] = {}
    for where, hole in holes:
        if image_hw is None:
            detail = "expected an image that is declared in the size of its file"
            collector.skip("hole_not_cut", where, detail)
            continue
        segmentation = hole.geometry.get("segmentation") or [box_polygon(hole.geometry["bbox"])]
        try:
            area = drawn(segmentation, image_hw)
        except ValueError as error:
            collector.skip("hole_not_cut", where, str(error))
            continue
        count, boxes = 0, 0
        for one in objects:
            if one.where not in masks:
                masks[one.where] = _drawn(one, image_hw)
            mask = masks[one.where]
            shared = int((mask & area).sum())
            if not shared:
                continue
            if one.bbox:
                boxes += 1
            elif mask.sum() >= area.sum() or 2 * shared <= mask.sum():
                cut.setdefault(one.where, []).append(segmentation)
                count += 1
        if boxes and not count:
            collector.skip("hole_not_cut", where, f"only boxes surround it: {boxes}")
        else:
            collector.account.take("elements")
            if count:
                collector.note("hole_cut", where, f"out of {count} {'object' if count == 1 else 'objects'}")
    return cut


def _drawn(one: _Object, image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        return drawn([box_polygon(one.bbox)] if one.bbox else one.segmentation(image_hw), image_hw)
    except ValueError:  # too long to be drawn: told when the object is added
        return np.zeros(image_hw, bool)
