"""YOLO: one text file per image, a line per object, coordinates as shares of the image (Ultralytics' format)."""

from collections.abc import Mapping, Sequence, Set
from pathlib import PurePosixPath
from typing import Any

import yaml

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.importers.collect import Collector, Imported, SourceFiles, lines_of, number, with_suffix

#: Keys of data.yaml that name the images of a split, to the name of the split.
_SPLIT_KEYS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
#: Files that name the classes, a line each, where there is no data.yaml.
_NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt")


def import_yolo(files: SourceFiles, class_names: Mapping[int, str]) -> Imported:
    """Imports YOLO boxes and polygons; an image without a label file, or with an empty one, has no objects.

    A line `class x y width height` is a box, one of six coordinates or more a polygon, which has no box of its own.
    Where data.yaml has `kpt_shape`, key points follow the box; they are skipped.

    Args:
        files: the folder; class names come from its data.yaml, or a classes.txt or obj.names.
        class_names: names by class number, where the folder has none.

    Raises:
        InvalidDatasetError: if classes have no names, or there is nothing to import.
    """
    document, unreadable = _document(files)
    names = dict(class_names) or _names(files, document)
    if not names:
        raise InvalidDatasetError(
            f"import_dataset: expected class names in data.yaml (names:) or in {' or '.join(_NAME_FILES)}, found none; "
            "give them with --params=import_dataset.class_names.0=...,import_dataset.class_names.1=..."
        )
    collector = Collector(files, [names[key] for key in sorted(names)])
    for name, reason in unreadable.items():
        collector.skip("file_unreadable", name, reason)
    is_pose = isinstance(document.get("kpt_shape"), list)
    known, used = set(files.names()), set()
    for image_name in files.image_names():
        image = collector.add_image(image_name)
        label_name = next((name for name in _label_names(image_name) if name in known), None)
        if label_name is None:
            continue
        used.add(label_name)
        if image is None:
            continue
        try:
            lines = lines_of(files, label_name)
        except OSError as error:
            collector.skip("file_unreadable", label_name, str(error))
            continue
        for row, line in enumerate(lines, start=1):
            _add_object(collector, image, line, names, f"{label_name}: line {row}", is_pose=is_pose)
    _note_labels_without_image(collector, files, used)
    collector.name_splits(_splits(files, document))
    return collector.finish("yolo")


def _note_labels_without_image(collector: Collector, files: SourceFiles, used: Set[str]) -> None:
    """Records text files with objects that belong to no image; lists and other texts hold no objects."""
    for name in with_suffix(files, ".txt"):
        if name in used:
            continue
        try:
            count = sum(_is_object(line) for line in lines_of(files, name))
        except OSError as error:
            collector.skip("file_unreadable", name, str(error))
            continue
        if count:
            collector.skip("image_missing", name, f"no image for its {count} objects")


def _is_object(line: str) -> bool:
    try:
        return len([number(word) for word in line.split()]) >= 5
    except ValueError:
        return False


def _add_object(
    collector: Collector, image: Mapping[str, Any], line: str, names: Mapping[int, str], where: str, *, is_pose: bool
) -> None:
    try:
        class_number, *shares = (number(word) for word in line.split())
    except ValueError as error:
        collector.skip("object_malformed", where, str(error))
        return
    if class_number not in names:
        collector.skip("class_unknown", where, f"class {class_number}, named are {sorted(names)[:20]}")
    elif len(shares) == 4 or (is_pose and len(shares) > 4):
        x, y, w, h = (v * side for v, side in zip(shares[:4], [image["width"], image["height"]] * 2, strict=True))
        collector.add_object(image, names[int(class_number)], bbox=[x - w / 2, y - h / 2, w, h])
        if len(shares) > 4:
            collector.skip("key_points", where, f"{len(shares) - 4} numbers after the box")
    elif len(shares) >= 6 and len(shares) % 2 == 0:
        sides = [image["width"], image["height"]] * (len(shares) // 2)
        polygon = [v * side for v, side in zip(shares, sides, strict=True)]
        collector.add_object(image, names[int(class_number)], segmentation=[polygon])
    else:
        collector.skip("object_malformed", where, f"expected 4 numbers or 3 points and more, got {len(shares)} numbers")


def _label_names(image_name: str) -> list[str]:
    """Returns where the labels of an image may be: labels/ in place of the last images/, or beside the image."""
    path = PurePosixPath(image_name).with_suffix(".txt")
    found = [str(path)]
    for at in reversed(range(len(path.parts) - 1)):
        if path.parts[at] == "images":
            found.insert(0, str(PurePosixPath(*path.parts[:at], "labels", *path.parts[at + 1 :])))
            break
    return found


class _PlainLoader(yaml.BaseLoader):
    """Loads all YAML scalars as text, so that a class may be named `no`; refuses aliases, merges and tags."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.YAMLError(f"aliases and tags are not read{event.start_mark}")
        return super().compose_node(parent, index)


def _document(files: SourceFiles) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Reads data.yaml, else the first YAML file that names classes; empty where there is none.

    Returns:
        The content, and the other YAML files that do not parse, with the reason.

    Raises:
        InvalidDatasetError: if data.yaml does not parse.
    """
    unreadable: dict[str, str] = {}
    names = with_suffix(files, ".yaml", ".yml")
    for name in sorted(names, key=lambda name: (PurePosixPath(name).name != "data.yaml", name)):
        try:
            value = yaml.load(files.read(name), _PlainLoader)  # noqa: S506 - it builds text, lists and mappings only
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError, OSError) as error:
            if PurePosixPath(name).name == "data.yaml":
                raise InvalidDatasetError(f"{name}: expected a YAML file, but it does not parse: {error}") from error
            unreadable[name] = str(error)
            continue
        if isinstance(value, Mapping) and "names" in value:
            return value, unreadable
    return {}, unreadable


def _names(files: SourceFiles, document: Mapping[str, Any]) -> dict[int, str]:
    names = document.get("names")
    if not names:
        lists = [name for name in files.names() if PurePosixPath(name).name in _NAME_FILES]
        return dict(enumerate(lines_of(files, lists[0]))) if lists else {}
    try:
        pairs = names.items() if isinstance(names, Mapping) else enumerate(names) if isinstance(names, list) else []
        # Encoded because a lone surrogate is valid YAML and no text.
        found = {int(key): name.encode().decode() for key, name in pairs if name.strip()}
    except (AttributeError, ValueError):
        found = {}
    if not found or len(found) != len(names) or min(found) < 0:
        raise InvalidDatasetError(f"data.yaml: expected names as a list, or by class number, got {brief(names)}")
    return found


def _splits(files: SourceFiles, document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the images below the folders, or in the list files, that data.yaml names for each split."""
    images_of_split: dict[str, list[str]] = {}
    for key, split in _SPLIT_KEYS.items():
        places = document.get(key)
        for place in [places] if isinstance(places, str) else places if isinstance(places, list) else []:
            images_of_split.setdefault(split, []).extend(_images_at(files, str(place)))
    return images_of_split


def _images_at(files: SourceFiles, place: str) -> Sequence[str]:
    """Returns the images of a folder or list file; ignores leading dots and folders, and `path:` of data.yaml."""
    parts = [part for part in PurePosixPath(place.replace("\\", "/")).parts if part not in ("/", ".", "..")]
    images = files.image_names()
    for start in range(len(parts)):
        wanted = "/".join(parts[start:])
        below = [name for name in images if name.startswith(f"{wanted}/")]
        if below:
            return below
        if wanted in files.names() and wanted.endswith(".txt"):
            listed = [PurePosixPath(line).parts for line in lines_of(files, wanted)]
            tails = {"/".join(parts[at:]) for parts in listed for at in range(len(parts))}
            return [name for name in images if name in tails]
    return []
