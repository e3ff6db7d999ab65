"""COCO in several files: splits, subsets and tasks, as COCO itself, Roboflow, CVAT and others write them."""

import hashlib
import json
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gsam_edge.coco.geometry.shapes import brief, is_text, whole_number
from gsam_edge.coco.importers.coco.documents import id_of, read_document
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.listed import (
    Finder,
    Listed,
    refuse,
    split_entries,
    split_of_file,
    split_of_folder,
    subset_words,
)
from gsam_edge.coco.importers.pairing.folders import SPLIT_WORDS
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.pairing.splits import SplitEntry
from gsam_edge.coco.importers.reading import SourceFiles, read_json, with_suffix
from gsam_edge.coco.table.gc_pause import gc_paused

_IMAGE_KEYS = frozenset({"id", "file_name", "width", "height", "split", "source_file", "source_id"})
_OBJECT_KEYS = frozenset({"id", "image_id", "category_id", "iscrowd"})
#: Values of `iscrowd` that can be read.
_CROWD = {0: 0, 1: 1, "0": 0, "1": 1}


def import_coco(files: SourceFiles, *, labels_lost: LabelsLost, may_be_empty: bool = False) -> Imported:
    """Merges all COCO files of a folder: new ids, classes by name, further keys kept, `source_file` and `source_id`.

    Images are looked for beside the JSON file, in `images/` there, in a folder named like the file's subset
    (`instances_train2017.json`: `train2017/`), then by the rule for all formats. Files may list the same image: an
    object that is the same in two files is taken once.
    """
    collector = Collector(files, labels_lost=labels_lost, may_be_empty=may_be_empty)
    names = list(with_suffix(files, ".json"))
    merged = _Merged(collector, Finder(files.image_names(), names))
    with gc_paused():
        # One file is held at a time, so each is read twice: images of all must be known before one has its objects.
        images = {
            name: document["images"]
            for name in names
            if (document := read_document(files, name, collector)) is not None
        }
        merged.find(images)
        for name in images:
            merged.add(name, read_json(files, name))
    imported = collector.finish("coco", split_entries(merged.splits), merged.finder.index)
    categories = [merged.categories[category["name"]] | category for category in imported.content["categories"]]
    info = imported.content["info"] | {"sources": merged.heads}
    return replace(imported, content={**imported.content, "info": info, "categories": categories})


@dataclass
class _Merged:
    """What all files have together.

    Attributes:
        collector: takes the images and objects.
        finder: finds the images.
        splits: what the files say of the splits of their images.
        categories: class name to the further keys of its category.
        heads: file to what it holds beside images, annotations and categories.
    """

    collector: Collector
    finder: Finder
    splits: list[SplitEntry] = field(default_factory=list)
    categories: dict[str, dict[str, Any]] = field(default_factory=dict)
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    _places: dict[tuple[str, tuple[str, ...]], str | Refusal] = field(default_factory=dict)
    _records: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    _objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def find(self, images: Mapping[str, Sequence[Any]]) -> None:
        """Finds the images of all files, by their records in each file."""
        listed = [
            _listed(name, row, image)
            for name, records in images.items()
            for row, image in enumerate(records)
            if isinstance(image, Mapping)
        ]
        self._places = self.finder.find_shared(listed)

    def add(self, name: str, document: Mapping[str, Any]) -> None:
        """Adds the content of one file."""
        lists = ("images", "annotations", "categories")
        self.heads[name] = {key: value for key, value in document.items() if key not in lists}
        classes = dict(self._classes(name, document.get("categories")))
        count = Counter(id_of(row.get("image_id")) for row in document["annotations"] if isinstance(row, Mapping))
        images, earlier = self._images(name, document["images"], count)
        twins = {file: {_digest(record): record for record in self._objects.get(file, ())} for file in earlier}
        for row, annotation in enumerate(document["annotations"]):
            where = f"{name}: annotation {row}"
            if not isinstance(annotation, Mapping):
                self.collector.lose_object(
                    None, "object_malformed", where, f"expected a mapping, got {brief(annotation)}"
                )
                continue
            image_id = id_of(annotation.get("image_id"))
            if image_id not in images:
                detail = f"no image is listed with its image_id {brief(annotation.get('image_id'))}"
                self.collector.lose_object(None, "image_missing", where, detail)
            elif (image := images[image_id]) is not None:  # else counted with its image
                self._add_object(image, annotation, classes, twins.get(image["file_name"], {}), where)

    def _classes(self, name: str, rows: Any) -> Iterator[tuple[Any, str | None]]:
        """Yields id and name of each category; None for an id of two names."""
        seen: dict[Any, str] = {}
        for row, category in enumerate(rows if isinstance(rows, list) else []):
            where = f"{name}: category {row}"
            title = category.get("name") if isinstance(category, Mapping) else None
            text = str(title) if type(title) in (int, float) else title
            key = id_of(category.get("id")) if isinstance(category, Mapping) else None
            if key is None or not is_text(text):
                self.collector.skip("element_not_used", where, f"expected an id and a name, got {brief(category)}")
                continue
            text = text.strip()
            self.collector.add_class(text)
            extra = {k: v for k, v in category.items() if k not in ("id", "name")}
            self.categories[text] = extra | self.categories.get(text, {})
            if seen.setdefault(key, text) != text:
                self.collector.skip("element_not_used", where, f"id {brief(key)} is {seen[key]!r} already")
                yield key, None
            else:
                yield key, text

    def _images(
        self, name: str, rows: list[Any], count: Counter[Any]
    ) -> tuple[dict[Any, dict[str, Any] | None], list[str]]:
        """Returns the record of each image id, None where it has none, and the images that earlier files list."""
        listed: dict[Any, list[tuple[Listed, Mapping[str, Any]]]] = {}
        for row, image in enumerate(rows):
            where = f"{name}: image {row}"
            key = id_of(image.get("id")) if isinstance(image, Mapping) else None
            if key is None:
                refusal = Refusal("image_missing", f"expected an id and a file_name, got {brief(image)}")
                refuse(self.collector, Listed(name, where, ()), refusal, 0)
            else:
                listed.setdefault(key, []).append((_listed(name, row, image), image))
        images: dict[Any, dict[str, Any] | None] = {}
        earlier = []
        for key, entries in listed.items():
            known = len(self._records)
            images[key] = record = self._image(entries, count[key])
            if record is not None and known == len(self._records) and record["source_file"] != name:
                earlier.append(record["file_name"])
        return images, earlier

    def _image(self, entries: list[tuple[Listed, Mapping[str, Any]]], objects: int) -> dict[str, Any] | None:
        """Returns the record of the image that has one id in a file; None where it is left behind, with its objects."""
        entry, image = entries[0]
        places = {other.names: self._places[other.file, other.names] for other, _ in entries}
        found = places[entry.names]
        if len({place if isinstance(place, str) else names for names, place in places.items()}) > 1:
            there = tuple(place for place in places.values() if isinstance(place, str))
            ids = " and ".join(repr(*names) for names in places if names)
            found = Refusal("pairing_ambiguous", f"one image id for {ids}: whose annotations?", there)
        if isinstance(found, str) and (fault := self._size_fault(found, image)) is not None:
            found = Refusal("image_annotated_twice", fault, (found,))
        if isinstance(found, Refusal):
            refuse(self.collector, entry, found, objects)
            return None
        extra = {key: value for key, value in image.items() if key not in _IMAGE_KEYS}
        if found not in self._records:
            source = {"source_file": entry.file, "source_id": image["id"]}
            self._records[found] = self.collector.add_image(found, _declared_hw(image), **extra, **source)
        record = self._records[found]
        if record is None:
            self.collector.account.leave("objects", "image_unreadable", objects)
            return None
        for key, value in extra.items():
            record.setdefault(key, value)
        own = SPLIT_WORDS.get(str(image.get("split")).casefold())
        if own is None and image.get("split") not in (None, ""):
            detail = f"split {brief(image['split'])} is none of {', '.join(SPLIT_WORDS)}"
            self.collector.skip("element_not_used", entry.where, detail)
        split = own or entry.split or split_of_folder(posixpath.dirname(found))
        if split is not None:
            self.splits.append(SplitEntry(split, found, entry.where))
        if not f"/{found}".endswith(f"/{posixpath.normpath(entry.names[0])}"):
            self.collector.note("name_spelled_otherwise", entry.where, f"{entry.names[0]} is read as {found}")
        return record

    def _size_fault(self, found: str, image: Mapping[str, Any]) -> str | None:
        """Returns why the objects of an image cannot join those of an earlier file; None where they can."""
        declared, record = _declared_hw(image), self._records.get(found)
        if record is None or declared is None or declared == (record["height"], record["width"]):
            return None
        return (
            f"{found} is declared as {declared[0]} x {declared[1]} (height x width), "
            f"in {record['source_file']} as {record['height']} x {record['width']}"
        )

    def _add_object(
        self,
        image: dict[str, Any],
        annotation: Mapping[str, Any],
        classes: Mapping[Any, str | None],
        twins: Mapping[bytes, dict[str, Any]],
        where: str,
    ) -> None:
        """Adds an object, unless another file has it already: then only what that one did not say of it."""
        title = classes.get(id_of(annotation.get("category_id")))
        if title is None:
            detail = f"no category has its category_id {brief(annotation.get('category_id'))}"
            self.collector.lose_object(image, "class_unknown", where, detail)
            return
        extra = {key: value for key, value in annotation.items() if key not in _OBJECT_KEYS}
        crowd = annotation.get("iscrowd", 0)
        if not isinstance(crowd, int | float | str) or crowd not in _CROWD:
            self.collector.skip("element_not_used", where, f"iscrowd {brief(crowd)} is neither 0 nor 1: read as 0")
        shape = {"iscrowd": _CROWD.get(crowd, 0) if isinstance(crowd, int | float | str) else 0, **extra}
        twin = twins.get(_digest(shape | {"category_id": self.collector.add_class(title)})) if twins else None
        if twin is None:
            record = self.collector.add_object(image, title, **shape)
            self._objects.setdefault(image["file_name"], []).append(record)
            return
        for key, value in extra.items():
            twin.setdefault(key, value)
        self.collector.account.leave("objects", "object_twice")
        self.collector.account.skip("object_twice", where, f"{image['file_name']} has it by another file")


def _digest(record: Mapping[str, Any]) -> bytes:
    """Returns what is equal for an object that two files hold: class, crowd, box and mask; 1 and 1.0 are one number."""
    parts = [record.get(key) for key in ("category_id", "iscrowd", "bbox", "segmentation")]
    numbers = json.loads(json.dumps(parts), parse_int=float)
    return hashlib.blake2b(json.dumps(numbers, sort_keys=True).encode(), digest_size=16).digest()


def _listed(name: str, row: int, image: Mapping[str, Any]) -> Listed:
    stated = image.get("file_name")
    names = (stated,) if is_text(stated) else ()
    return Listed(name, f"{name}: image {row}", names, _folders(name), split_of_file(name))


def _declared_hw(image: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = whole_number(image.get("height")), whole_number(image.get("width"))
    return (height, width) if height and width and min(height, width) > 0 else None


@lru_cache
def _folders(name: str) -> tuple[str, ...]:
    """Returns where the images of a JSON file may lie, the most trusted first."""
    folder = posixpath.dirname(name)
    parent = posixpath.dirname(folder)
    near = [folder, f"{folder}/images"]
    for subset in subset_words(name):
        near += [f"{place}/{subset}" for place in (parent, f"{parent}/images", folder, f"{folder}/images")]
    near += [f"{parent}/images", parent]
    return tuple(dict.fromkeys(posixpath.normpath(place.lstrip("/")) for place in near))
