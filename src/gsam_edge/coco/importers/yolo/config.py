"""Reads what a YOLO folder says of itself: data.yaml, Darknet's obj.data, and the lists of class names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.importers.pairing.folders import SPLIT_WORDS
from gsam_edge.coco.importers.pairing.splits import SplitEntry
from gsam_edge.coco.importers.reading import SourceFiles, text_of, with_suffix
from gsam_edge.coco.importers.yolo.places import Places

#: Keys of data.yaml and obj.data that name the images of a split, to the name of the split.
_SPLIT_KEYS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_MAIN_YAML = frozenset({"data.yaml", "data.yml"})


@dataclass
class YoloConfig:
    """What a folder says of itself.

    Attributes:
        names: class names by class number; empty where there are none.
        key_points: how many numbers of key points follow each box; None where none do.
        entries: the entries of the splits.
        used: the files that were read.
        unreadable: the files that could not be read, with the reason.
    """

    names: dict[int, str] = field(default_factory=dict)
    key_points: int | None = None
    entries: list[SplitEntry] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def read_config(files: SourceFiles, class_names: Mapping[int, str]) -> YoloConfig:
    """Reads the files that describe a YOLO folder.

    Args:
        files: the folder.
        class_names: names by class number as the user states them; the folder's own are then not read.

    Raises:
        InvalidDatasetError: if data.yaml or a list of names does not parse, or two of a kind name other classes.
    """
    config = YoloConfig(dict(class_names))
    documents = _documents(files, config)
    darknet = _darknet(files)
    if not class_names:
        config.names = _names_of_documents(documents) or _names_of_lists(files, darknet, config)
    config.used |= dict.fromkeys([*documents, *darknet])
    places = Places(files, config.used, config.unreadable)
    for name, document in documents.items():
        if "kpt_shape" in document:
            config.key_points = _key_points(name, document["kpt_shape"])
    for name, document in (documents | darknet).items():
        root = document.get("path")
        for key, split in _SPLIT_KEYS.items():
            for place in _listed(document.get(key)):
                config.entries += places.entries(place, split, f"{name}: {key}", root if isinstance(root, str) else "")
    if not config.entries:
        for name in with_suffix(files, ".txt"):
            if (found := SPLIT_WORDS.get(PurePosixPath(name).stem.casefold())) and name not in config.used:
                config.entries += places.entries_of_images(name, found)
    return config


class _PlainLoader(yaml.BaseLoader):
    """Loads all YAML scalars as text, so that a class may be named `no`; refuses aliases, tags and keys given twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.YAMLError(f"aliases and tags are not read{event.start_mark}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep=deep)
        if len(found) < len(node.value):
            raise yaml.YAMLError(f"a key stands twice in one mapping{node.start_mark}")
        return found


def _documents(files: SourceFiles, config: YoloConfig) -> dict[str, Mapping[str, Any]]:
    """Returns every data.yaml, and where none of them names classes, the first other YAML file that does.

    Raises:
        InvalidDatasetError: if a data.yaml does not parse.
    """
    names = sorted(with_suffix(files, ".yaml", ".yml"))
    documents: dict[str, Mapping[str, Any]] = {}
    for name in sorted(names, key=lambda name: PurePosixPath(name).name.casefold() not in _MAIN_YAML):
        is_main = PurePosixPath(name).name.casefold() in _MAIN_YAML
        if not is_main and any("names" in document for document in documents.values()):
            break
        try:
            value = yaml.load(text_of(files, name), _PlainLoader)  # noqa: S506 - it builds text, lists, mappings only
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError, OSError) as error:
            if is_main:
                raise InvalidDatasetError(f"{name}: expected a YAML file, but it does not parse: {error}") from error
            config.unreadable[name] = str(error)
            continue
        if isinstance(value, Mapping) and (is_main or "names" in value):
            documents[name] = value
    return documents


def _darknet(files: SourceFiles) -> dict[str, Mapping[str, Any]]:
    """Returns the files of Darknet's form `train = data/train.txt`, by key."""
    documents: dict[str, Mapping[str, Any]] = {}
    for name in with_suffix(files, ".data"):
        try:
            pairs = [line.partition("=") for line in text_of(files, name).splitlines()]
        except (ValueError, OSError):
            continue  # no file of Darknet: it is counted as not used
        found = {key.strip(): value.strip() for key, _, value in pairs if value.strip()}
        if found.keys() & {"names", *_SPLIT_KEYS}:
            documents[name] = found
    return documents


def _listed(places: Any) -> Sequence[str]:
    found = places if isinstance(places, list) else [places]
    return [place.strip() for place in found if isinstance(place, str) and place.strip()]


def _key_points(name: str, shape: Any) -> int:
    try:
        count, dimensions = map(int, shape)
        if count < 1 or dimensions not in (2, 3):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise InvalidDatasetError(
            f"{name}: expected kpt_shape as [number of key points, 2 or 3], got {brief(shape)}"
        ) from error
    return count * dimensions


def _names_of_documents(documents: Mapping[str, Mapping[str, Any]]) -> dict[int, str]:
    found = {
        name: _checked_names(name, document["names"]) for name, document in documents.items() if document.get("names")
    }
    return _agreed(found)


def _checked_names(name: str, names: Any) -> dict[int, str]:
    try:
        pairs = names.items() if isinstance(names, Mapping) else enumerate(names) if isinstance(names, list) else []
        # Encoded because a lone surrogate is valid YAML and no text.
        found = {int(key): value.encode().decode() for key, value in pairs if value.strip()}
    except (AttributeError, ValueError):
        found = {}
    if not found or len(found) != len(names) or min(found) < 0:
        raise InvalidDatasetError(f"{name}: expected names as a list, or by class number, got {brief(names)}")
    return found


def _names_of_lists(files: SourceFiles, darknet: Mapping[str, Mapping[str, Any]], config: YoloConfig) -> dict[int, str]:
    """Returns the names of lists, a line each; a blank line is a class number without a name.

    Raises:
        InvalidDatasetError: if a list is no UTF-8, or two lists of a kind differ.
    """
    stated = {
        PurePosixPath(document["names"].replace("\\", "/")).name for document in darknet.values() if "names" in document
    }
    names = {name: PurePosixPath(name.casefold()) for name in files.names()}
    kinds = (
        [name for name in names if PurePosixPath(name).name in stated],
        [name for name, path in names.items() if path.name == "classes.txt"],
        [name for name, path in names.items() if path.suffix == ".names" or path.name == "_darknet.labels"],
        [name for name, path in names.items() if path.name == "predefined_classes.txt"],
    )
    lists = next((kind for kind in kinds if kind), [])
    found: dict[str, dict[int, str]] = {}
    for name in lists:
        try:
            lines = text_of(files, name).splitlines()
        except (ValueError, OSError) as error:
            raise InvalidDatasetError(f"{name}: expected class names, a line each, but: {error}") from error
        found[name] = {number: line.strip() for number, line in enumerate(lines) if line.strip()}
        config.used[name] = None
    return _agreed(found)


def _agreed(found: Mapping[str, dict[int, str]]) -> dict[int, str]:
    """Returns the names on which all files agree. Raises InvalidDatasetError where they do not."""
    first = next(iter(found), "")
    for name, names in found.items():
        if names != found[first]:
            raise InvalidDatasetError(
                f"import_dataset: expected one list of class names, but {first} has {brief(found[first])} and {name} "
                f"has {brief(names)}; import the folders one by one, or take away the list that is wrong"
            )
    return dict(found[first]) if first else {}
