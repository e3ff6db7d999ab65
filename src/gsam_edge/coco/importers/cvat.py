"""CVAT for images 1.1: an XML file that lists images with boxes, polygons, ellipses and masks.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/, and CVAT's own reader for what a rotation and the
runs of a mask mean.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.geometry.shapes import MAX_COORDINATE, brief
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.groups import Part, add_group, objects_in
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.listed import Finder, Listed, refuse, split_entries, split_word
from gsam_edge.coco.importers.masks.files import placed
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.pairing.splits import SplitEntry
from gsam_edge.coco.importers.reading import SourceFiles, number, read_xml, with_suffix
from gsam_edge.coco.importers.shapes import box_polygon, ellipse, turned, usable

_WITH_AREA = frozenset({"box", "polygon", "ellipse", "mask"})
_WITHOUT_AREA = frozenset({"polyline", "points", "cuboid", "skeleton"})
#: Attributes of a shape that say where it is.
_PLACE = frozenset({
    "label", "xtl", "ytl", "xbr", "ybr", "rotation", "points", "cx", "cy", "rx", "ry", "rle", "left", "top", "width",
    "height",
})  # fmt: skip
#: Attributes of a shape that are there always, with the value that says nothing.
_PLAIN = {"occluded": "0", "z_order": "0", "group_id": "0", "source": "manual"}


def import_cvat(files: SourceFiles, *, labels_lost: LabelsLost) -> Imported:
    """Imports CVAT for images: boxes as boxes; polygons, ellipses, masks and turned boxes as segmentations.

    Box and outlines of one group, label and place are one object, as in CVAT's own COCO. Subsets named after splits are
    splits.
    Attributes stay under `attributes`, tags of an image under `tags`; `is_crowd` makes a crowd, as in CVAT's own COCO.
    """
    collector = Collector(files, labels_lost=labels_lost)
    names = list(with_suffix(files, ".xml"))
    listed: list[tuple[Listed, Element]] = []
    for name, root in collector.parsed(names, read_xml):
        if root.tag == "annotations":
            collector.use(name)
            listed += _images(collector, root, name)
        else:
            collector.leave_file(name, "file_not_used", f"expected <annotations>, got <{root.tag[:40]}>")
    finder = Finder(files.image_names(), names, {entry.subset: None for entry, _ in listed})
    splits = []
    for (entry, node), found in zip(listed, finder.find_all([entry for entry, _ in listed]), strict=True):
        if isinstance(found, Refusal):
            groups = [(_group(child), child.get("label")) for child in node if child.tag != "tag"]
            refuse(collector, entry, found, objects_in(groups))
            continue
        if entry.split is not None:
            splits.append(SplitEntry(entry.split, found, entry.where))
        _add_image(collector, node, found, entry.where)
    return collector.finish("cvat", split_entries(splits), finder.index)


def _images(collector: Collector, root: Element, name: str) -> Iterator[tuple[Listed, Element]]:
    """Yields the images of a file with what finds them; registers its labels."""
    for label in root.iterfind("meta//label"):
        title = (label.findtext("name") or "").strip()
        if title and label.find("parent") is None:  # the points of a skeleton are labels with a parent
            collector.add_class(title)
    folder = posixpath.dirname(name)
    of_task = (root.findtext("meta//subset") or "").strip()
    for row, node in enumerate(root):
        where = f"{name}: {node.tag[:40]} {node.get('name') or row}"
        if node.tag == "track":
            count = sum(child.get("outside") != "1" for child in node)
            collector.account.leave("objects", "element_not_used", count)
            detail = f"a track through a video, of {count} shapes; export it as CVAT for images 1.1"
            collector.account.skip("element_not_used", where, detail)
        elif node.tag == "image":
            stated = node.get("name") or ""
            subset = node.get("subset") or of_task or "default"
            places = (f"images/{subset}", "images", "", subset)
            folders = tuple(posixpath.normpath(posixpath.join(folder, place)) for place in places)
            yield Listed(name, where, (stated,) if stated else (), folders, split_word(subset), subset), node
        elif node.tag not in ("version", "meta"):
            collector.skip("element_not_used", where, f"<{node.tag[:40]}>")


def _add_image(collector: Collector, node: Element, image_name: str, where: str) -> None:
    try:
        height, width = (int(number(node.get(side))) for side in ("height", "width"))
    except ValueError:
        height = width = 0  # the file's own size is then taken
    tags = [tag.get("label") for tag in node if tag.tag == "tag"]
    image = collector.add_image(
        image_name, (height, width) if min(height, width) > 0 else None, **({"tags": tags} if tags else {})
    )
    groups: dict[str, list[Part]] = {}
    for row, child in enumerate(child for child in node if child.tag != "tag"):
        place = f"{where}, {child.tag[:40]} {row}"
        if image is None:
            collector.account.leave("objects", "image_unreadable")
        elif child.tag in _WITHOUT_AREA:
            collector.lose_object(image, "shape_without_area", place, child.tag)
        elif child.tag not in _WITH_AREA:
            collector.lose_object(image, "element_not_used", place, f"<{child.tag[:40]}>")
        elif (part := _part(collector, image, child, place)) is not None:
            key = repr((_group(child) or f"alone {row}", part.class_name, part.shape.get("attributes")))
            groups.setdefault(key, []).append(part)
    for parts in groups.values():
        if image is not None:
            add_group(collector, image, parts)


def _part(collector: Collector, image: Mapping[str, Any], shape: Element, where: str) -> Part | None:
    """Returns a shape with its label and what is said of it; None, with the reason, where it cannot be used."""
    try:
        label = (shape.get("label") or "").strip()
        if not label:
            raise ValueError("expected a label, got none")
        canvas_hw = (image["height"], image["width"]) if collector.has_size_of_file(image) else None
        found = _geometry(shape, canvas_hw)
    except ValueError as error:
        collector.lose_object(image, "object_malformed", where, str(error))
        return None
    if shape.tag == "box" and "segmentation" in found:
        collector.note("rotated", where, f"by {shape.get('rotation')} degrees")
    elif shape.tag == "ellipse":
        collector.note("ellipse", where, f"at {shape.get('cx')}, {shape.get('cy')}")
    elif shape.tag == "box" and found["bbox"][:2] != [_n(shape, "xtl"), _n(shape, "ytl")]:
        collector.note("corners_sorted", where, f"read as {found['bbox']}")
    attributes = _attributes(shape)
    if attributes:
        found["attributes"] = attributes
    if str(attributes.get("is_crowd")).lower() in ("1", "true"):
        found["iscrowd"] = 1
    return Part(label, where, found)


def _group(shape: Element) -> str | None:
    return shape.get("group_id") if shape.get("group_id") != "0" else None


def _attributes(shape: Element) -> Mapping[str, str]:
    """Returns the attributes of a shape: those that the project defines, and what CVAT says beside its place."""
    said = {key: value for key, value in shape.attrib.items() if key not in _PLACE and _PLAIN.get(key) != value}
    defined = {child.get("name") or "": (child.text or "").strip() for child in shape if child.tag == "attribute"}
    return said | defined


def _geometry(shape: Element, canvas_hw: tuple[int, int] | None) -> dict[str, Any]:
    """Returns box or segmentation; `canvas_hw` is None where the image's declared size is not that of its file.

    Raises:
        ValueError: if a number is missing or none, or there are under three points.
    """
    if shape.tag == "box":
        left, right = sorted((_n(shape, "xtl"), _n(shape, "xbr")))
        top, bottom = sorted((_n(shape, "ytl"), _n(shape, "ybr")))
        if not _rotation(shape):
            return {"bbox": [left, top, right - left, bottom - top]}
        pivot = ((left + right) / 2, (top + bottom) / 2)
        flat = turned(box_polygon([left, top, right - left, bottom - top]), _rotation(shape), pivot)
        return {"segmentation": [usable(flat, (right - left, bottom - top))]}
    if shape.tag == "ellipse":
        centre, radii = (_n(shape, "cx"), _n(shape, "cy")), (_n(shape, "rx"), _n(shape, "ry"))
        return {"segmentation": [usable(ellipse(centre, radii, _rotation(shape)), radii)]}
    if shape.tag == "mask":
        return {"segmentation": _mask(shape, canvas_hw)}
    points = [pair.split(",") for pair in (shape.get("points") or "").split(";")]
    if len(points) < 3 or any(len(pair) != 2 for pair in points):
        raise ValueError(f"expected three points x,y;x,y or more, got {brief(shape.get('points'))}")
    return {"segmentation": [[number(v) for pair in points for v in pair]]}


def _mask(shape: Element, canvas_hw: tuple[int, int] | None) -> dict[str, Any]:
    """Decodes runs of background, object, background, ... along the rows of a part of the image."""
    if canvas_hw is None:
        raise ValueError("expected a mask of an image that is declared in the size of its file")
    left, top, width, height = (int(_n(shape, key)) for key in ("left", "top", "width", "height"))
    if not (0 < width <= canvas_hw[1] and 0 < height <= canvas_hw[0] and max(abs(left), abs(top)) <= MAX_COORDINATE):
        raise ValueError(f"expected a mask within {canvas_hw[0]} x {canvas_hw[1]} pixels, got {height} x {width}")
    runs = [int(number(run)) for run in (shape.get("rle") or "").split(",")]
    if min(runs) < 0 or sum(runs) != width * height:
        raise ValueError(
            f"expected runs that cover {width * height} pixels, got {len(runs)} runs of {brief(sum(runs))}"
        )
    mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return encode_mask(placed(mask, (left, top), canvas_hw))


def _n(shape: Element, key: str) -> float:
    return number(shape.get(key))


def _rotation(shape: Element) -> float:
    """Returns the turn of a box or an ellipse about its centre, in degrees clockwise."""
    return number(shape.get("rotation", "0"))
