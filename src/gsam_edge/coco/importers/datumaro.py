"""Datumaro: `annotations/<subset>.json` with items, and their images in `images/<subset>/` or `images/`.

As Datumaro 1.13 writes it (`plugins/data_formats/datumaro`): boxes as left, top, width and height, ellipses as the
corners of their box, masks as compressed COCO RLE; annotations of one `group` describe one object.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gsam_edge.coco.geometry.segmentation import segmentation_to_rle
from gsam_edge.coco.geometry.shapes import brief, is_text, whole_number
from gsam_edge.coco.images.names import spelling_key
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.groups import Part, add_group, objects_in
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.listed import Finder, Listed, refuse, split_entries, split_word
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.pairing.splits import SplitEntry
from gsam_edge.coco.importers.reading import SourceFiles, number, read_json, with_suffix
from gsam_edge.coco.importers.shapes import ellipse, usable

_WITH_AREA = frozenset({"bbox", "polygon", "mask", "ellipse"})
_WITHOUT_AREA = frozenset({"points", "polyline", "cuboid_2d", "cuboid_3d", "skeleton"})
#: Annotations of an image as a whole.
_NO_OBJECTS = frozenset({"label", "caption", "hash_key", "feature_vector", "tabular"})


def import_datumaro(files: SourceFiles, *, labels_lost: LabelsLost, may_be_empty: bool = False) -> Imported:
    """Imports Datumaro: boxes as boxes; polygons, ellipses and masks as segmentations; subsets as splits.

    Box and outlines of one group, class and place are one object. Labels of an image stay under `tags`; `is_crowd`
    makes a crowd.
    """
    collector = Collector(files, labels_lost=labels_lost, may_be_empty=may_be_empty)
    names = list(with_suffix(files, ".json"))
    listed: list[tuple[Listed, Mapping[str, Any], Sequence[str | None]]] = []
    for name, document in collector.parsed(names, read_json):
        if isinstance(document, Mapping) and isinstance(document.get("items"), list) and "categories" in document:
            collector.use(name)
            named = _classes(collector, document["categories"], name)
            listed += [(entry, item, named) for entry, item in _items(collector, document["items"], name)]
        else:
            collector.leave_file(name, "file_not_used", "no Datumaro file: expected `categories` and `items`")
    finder = Finder(files.image_names(), names)
    splits = []
    for (entry, item, classes), found in zip(listed, finder.find_all([row[0] for row in listed]), strict=True):
        annotations = item.get("annotations")
        rows: list[Any] = annotations if isinstance(annotations, list) else []
        if isinstance(found, Refusal):
            objects = [row if isinstance(row, Mapping) else {} for row in rows if _kind(row) not in _NO_OBJECTS]
            groups = [(whole_number(row.get("group")), row.get("label_id")) for row in objects]
            refuse(collector, entry, found, objects_in(groups))
            continue
        if not isinstance(annotations, list):
            detail = f"expected a list of annotations, got {brief(annotations)}"
            collector.skip("element_not_used", entry.where, detail)
            collector.lose_labels(found, f"{entry.where}: {detail}")
        if entry.split is not None:
            splits.append(SplitEntry(entry.split, found, entry.where))
        _add_image(collector, item, rows, classes, found, entry.where)
    return collector.finish("datumaro", split_entries(splits), finder.index)


def _classes(collector: Collector, categories: Any, name: str) -> list[str | None]:
    """Returns the class of each label number; None for one that has no name."""
    labels = categories.get("label") if isinstance(categories, Mapping) else None
    rows = labels.get("labels") if isinstance(labels, Mapping) else None
    classes: list[str | None] = []
    for row, label in enumerate(rows if isinstance(rows, list) else []):
        title = label.get("name") if isinstance(label, Mapping) else None
        classes.append(title.strip() if is_text(title) else None)
        if is_text(title):
            collector.add_class(title.strip())
        else:
            collector.skip("element_not_used", f"{name}: label {row}", f"expected a name, got {brief(label)}")
    return classes


def _items(collector: Collector, items: Sequence[Any], name: str) -> Iterator[tuple[Listed, Mapping[str, Any]]]:
    folder, base = posixpath.split(name)
    subset, parent = posixpath.splitext(base)[0], posixpath.dirname(folder)
    places = (f"images/{subset}", "images", "", subset)
    folders = tuple(posixpath.normpath(posixpath.join(parent, place)) for place in places)
    for row, item in enumerate(items):
        if not isinstance(item, Mapping):
            collector.skip("element_not_used", f"{name}: item {row}", f"expected an item, got {brief(item)}")
            continue
        image = item.get("image")
        where = f"{name}: item {brief(item.get('id', row))}"
        yield Listed(name, where, _names(image, item.get("id")), folders, split_word(subset)), item


def _names(image: Any, item_id: Any) -> tuple[str, ...]:
    """Returns what an image may be called: its path, and its id where that is no other name."""
    path = image.get("path") if isinstance(image, Mapping) else None
    if not is_text(path):
        return (item_id,) if is_text(item_id) else ()
    stems = [posixpath.basename(spelling_key(name)) for name in (posixpath.splitext(path)[0], str(item_id))]
    return (path, item_id) if is_text(item_id) and stems[0] == stems[1] else (path,)


def _kind(annotation: Any) -> str:
    kind = annotation.get("type") if isinstance(annotation, Mapping) else None
    return kind if isinstance(kind, str) else ""


def _add_image(
    collector: Collector,
    item: Mapping[str, Any],
    rows: Sequence[Any],
    classes: Sequence[str | None],
    image_name: str,
    where: str,
) -> None:
    media = item.get("image")
    size = media.get("size") if isinstance(media, Mapping) else None
    height, width = map(whole_number, size) if isinstance(size, list) and len(size) == 2 else (None, None)
    tags = [tag for row in rows if _kind(row) == "label" and (tag := _class_of(row, classes))]
    image = collector.add_image(
        image_name,
        (height, width) if height and width and min(height, width) > 0 else None,
        **({"tags": tags} if tags else {}),
        **({"attributes": item["attr"]} if item.get("attr") else {}),
    )
    groups: dict[str, list[Part]] = {}
    for row, annotation in enumerate(rows):
        place, kind = f"{where}, annotation {row}", _kind(annotation)
        if kind in _NO_OBJECTS:
            if kind != "label" or _class_of(annotation, classes) is None:
                collector.skip("element_not_used", place, kind)
        elif image is None:
            collector.account.leave("objects", "image_unreadable")
        elif kind in _WITHOUT_AREA:
            collector.lose_object(image, "shape_without_area", place, kind)
        elif kind not in _WITH_AREA:
            collector.lose_object(image, "element_not_used", place, f"of the type {kind or brief(annotation)}")
        elif (title := _class_of(annotation, classes)) is None:
            detail = f"label_id {brief(annotation.get('label_id'))}, of {len(classes)} classes"
            collector.lose_object(image, "class_unknown", place, detail)
        else:
            try:
                shape = _geometry(annotation, kind, (image["height"], image["width"]))
            except ValueError as error:
                collector.lose_object(
                    image, "mask_malformed" if kind == "mask" else "object_malformed", place, str(error)
                )
                continue
            if kind == "ellipse":
                collector.note("ellipse", place, f"in {brief(annotation.get('points'))}")
            group = whole_number(annotation.get("group")) or f"alone {row}"
            key = repr((group, title, annotation.get("attributes")))
            groups.setdefault(key, []).append(Part(title, place, shape | _said(annotation)))
    for parts in groups.values():
        if image is not None:
            add_group(collector, image, parts)


def _class_of(annotation: Mapping[str, Any], classes: Sequence[str | None]) -> str | None:
    number_ = whole_number(annotation.get("label_id"))
    return classes[number_] if number_ is not None and 0 <= number_ < len(classes) else None


def _said(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what an annotation says beside its place and class."""
    attributes = annotation.get("attributes")
    said = {key: annotation[key] for key in ("group", "object_id", "z_order") if annotation.get(key)}
    if isinstance(attributes, Mapping) and attributes:
        said["attributes"] = attributes
        said["iscrowd"] = int(attributes.get("is_crowd") in (True, 1))
    return said


def _geometry(annotation: Mapping[str, Any], kind: str, image_hw: tuple[int, int]) -> dict[str, Any]:
    """Returns box or segmentation. Raises ValueError where a number is none, or a mask is not of the image's size."""
    if kind == "mask":
        rle = annotation.get("rle")
        if not isinstance(rle, Mapping):
            raise ValueError(f"expected an RLE, got {brief(rle)}")
        segmentation_to_rle(rle, image_hw)  # raises where it is damaged
        return {"segmentation": {"size": list(image_hw), "counts": rle["counts"]}}
    values = annotation.get("bbox" if kind == "bbox" else "points")
    if not isinstance(values, list):
        raise ValueError(f"expected a list of numbers, got {brief(values)}")
    numbers = [number(value) for value in values]
    if kind == "polygon":
        if len(numbers) < 6 or len(numbers) % 2:
            raise ValueError(f"expected pairs of three points or more, got {len(numbers)} numbers")
        return {"segmentation": [numbers]}
    if len(numbers) != 4:
        raise ValueError(f"expected four numbers, got {len(numbers)}")
    if kind == "bbox":
        return {"bbox": numbers}
    left, top, right, bottom = numbers
    radii = (abs(right - left) / 2, abs(bottom - top) / 2)
    return {"segmentation": [usable(ellipse(((left + right) / 2, (top + bottom) / 2), radii), radii)]}
