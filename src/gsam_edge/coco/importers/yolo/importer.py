"""YOLO: one text file per image, a line per object, coordinates as shares of the image (Ultralytics' format)."""

import posixpath
from collections.abc import Collection, Mapping
from typing import Any

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.images.names import spelling_key
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.pairing.rule import Claim
from gsam_edge.coco.importers.reading import SourceFiles, layout_of, text_of, with_suffix
from gsam_edge.coco.importers.yolo.config import YoloConfig, read_config
from gsam_edge.coco.importers.yolo.doubts import doubted_images
from gsam_edge.coco.importers.yolo.lines import is_like_object, object_lines, read_object


def import_yolo(files: SourceFiles, class_names: Mapping[int, str], *, labels_lost: LabelsLost) -> Imported:
    """Imports YOLO boxes and polygons; an image without a label file, or with an empty one, has no objects.

    A line `class x y width height` is a box, one of six coordinates or more a polygon, which has no box of its own.
    Where data.yaml has `kpt_shape`, key points follow the box; they are left behind. An image without a label file is
    not taken for empty where a label file without an image may be its own.

    Args:
        files: the folder; class names come from its data.yaml, or a classes.txt or obj.names.
        class_names: names by class number, where the folder has none.
        labels_lost: what to do with an image whose annotations were all lost.

    Raises:
        InvalidDatasetError: if classes have no names, or there is nothing to import.
    """
    config = read_config(files, class_names)
    if not config.names:
        raise InvalidDatasetError(
            "import_dataset: expected class names in data.yaml (names:) or in classes.txt or obj.names, found none; "
            "give them with --params=import_dataset.class_names.0=...,import_dataset.class_names.1=...; "
            f"the folder holds {layout_of(files)}"
        )
    collector = Collector(files, [config.names[key] for key in sorted(config.names)], labels_lost=labels_lost)
    for name in config.used:
        collector.use(name)
    for name, reason in config.unreadable.items():
        collector.leave_file(name, "file_unreadable", reason)
    texts, unreadable = _label_files(files, config)
    claims = [Claim(name) for name in [*texts, *unreadable]]
    objects = {name: _count(text) for name, text in texts.items()}
    pairs = collector.pair(claims, files.image_names(), objects, unreadable=unreadable)
    for image_name, reason in doubted_images(files, pairs, objects, config.entries).items():
        collector.lose_labels(image_name, reason)
    class_numbers: set[float] = set()
    label_of = {image_name: name for name, image_name in pairs.image_of.items()}
    for image_name in files.image_names():
        image, label_name = collector.add_image(image_name), label_of.get(image_name)
        if label_name is None:
            continue
        if image is None:
            detail = f"its image {image_name} could not be taken over"
            collector.leave_file(label_name, "image_unreadable", detail, objects=objects[label_name])
            continue
        collector.use(label_name)
        for row, line in object_lines(texts[label_name]):
            _add_object(collector, image, line, config, f"{label_name}: line {row}", class_numbers)
    _refuse_numbers_from_one(class_numbers, config.names)
    return collector.finish("yolo", config.entries, pairs.index)


def _label_files(files: SourceFiles, config: YoloConfig) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the text of the label files, and those that cannot be read, with the reason.

    A text file holds labels if one of its lines is an object, or an image has its stem; others are READMEs and lists.
    """
    names = files.image_names()
    stems = {spelling_key(posixpath.basename(stem)) for name in names for stem in (name, posixpath.splitext(name)[0])}
    texts: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    for name in with_suffix(files, ".txt"):
        if name in config.used or name in config.unreadable:
            continue
        try:
            text = text_of(files, name)
        except (ValueError, OSError) as error:
            unreadable[name] = str(error)
            continue
        stem = posixpath.splitext(posixpath.basename(name))[0]
        if any(is_like_object(line) for _, line in object_lines(text)) or spelling_key(stem) in stems:
            texts[name] = text
    return texts, unreadable


def _count(text: str) -> int:
    return sum(1 for _ in object_lines(text))


def _refuse_numbers_from_one(used: Collection[float], names: Mapping[int, str]) -> None:
    """Raises InvalidDatasetError where the class numbers begin at 1 and end at the number of classes.

    Most of them would pass for their neighbours in the list.
    """
    count = len(names)
    if count > 1 and sorted(names) == [*range(count)] and used and (min(used), max(used)) == (1, count):
        named = ",".join(f"import_dataset.class_names.{number + 1}={brief(names[number])}" for number in range(2))
        raise InvalidDatasetError(
            f"import_dataset: expected class numbers from 0 ({brief(names[0])}) to {count - 1}; the labels hold "
            f"1 to {count} and no 0, as if they were counted from 1; if so, say it with --params={named},... for all "
            "classes; if not, add the name that the list lacks"
        )


def _add_object(
    collector: Collector,
    image: Mapping[str, Any],
    line: str,
    config: YoloConfig,
    where: str,
    class_numbers: set[float],
) -> None:
    try:
        found = read_object(line, config.key_points)
    except ValueError as error:
        collector.lose_object(image, "object_malformed", where, str(error))
        return
    class_numbers.add(found.class_number)
    if found.class_number not in config.names:
        named = f"class {found.class_number}, named are {sorted(config.names)[:20]}"
        collector.lose_object(image, "class_unknown", where, named)
        return
    shape: dict[str, Any]
    if found.box is not None:
        sides = [image["width"], image["height"]] * 2
        x, y, w, h = (share * side for share, side in zip(found.box, sides, strict=True))
        shape = {"bbox": [x - w / 2, y - h / 2, w, h]}
    else:
        polygon = found.polygon or ()
        sides = [image["width"], image["height"]] * (len(polygon) // 2)
        shape = {"segmentation": [[share * side for share, side in zip(polygon, sides, strict=True)]]}
    collector.add_object(image, config.names[int(found.class_number)], **shape)
    if found.key_points:
        collector.skip("key_points", where, f"{found.key_points} numbers after the box")
    if found.confidence is not None:
        collector.note("confidence", where, f"{found.confidence} after the {'box' if found.box else 'polygon'}")
