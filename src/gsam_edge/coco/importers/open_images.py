"""Open Images: CSV files of boxes, as shares of the image, and of masks, each in a PNG.

https://storage.googleapis.com/openimages/web/download_v7.html.
"""

import csv
import io
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.listed import Finder, Listed, refuse, split_entries, split_of_file, split_of_folder
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.pairing.splits import SplitEntry
from gsam_edge.coco.importers.reading import SourceFiles, number, text_of, with_suffix
from gsam_edge.vision.images import ImageError, opened_image

_BOX = ("XMin", "XMax", "YMin", "YMax")
_BOX_OF_MASK = tuple(f"Box{side}" for side in _BOX)
#: Columns that are read, or say nothing of the object; the others stay under `attributes`, where they are not 0
#: (no) or -1 (not known).
_READ = frozenset({"ImageID", "Source", "LabelName", "IsGroupOf", "MaskPath", "BoxID", *_BOX, *_BOX_OF_MASK})
#: Share of the image by which the box that a mask names may differ from its row in the other file: their rounding.
_SAME_BOX = 1e-4
#: Share by which the sides of a mask and of its image may differ in proportion: the rounding of a small mask.
_SAME_PROPORTION = 0.02
_MOST_CHARACTERS = 1 << 20
#: The split of a file and an ImageID in it.
Key: TypeAlias = tuple[str | None, str]


@dataclass
class _Table:
    """One CSV file, parsed row by row each time it is read."""

    name: str
    text: str
    columns: frozenset[str]

    @property
    def split(self) -> str | None:
        """The split that the file is named after."""
        return split_of_file(self.name)

    def rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yields place and cells of each row. Raises csv.Error where it does not parse."""
        for line, row in enumerate(csv.DictReader(io.StringIO(self.text, newline="")), start=2):
            yield f"{self.name}: line {line}", {key: (row.get(key) or "").strip() for key in self.columns}


def import_open_images(files: SourceFiles, *, labels_lost: LabelsLost) -> Imported:
    """Imports Open Images: boxes, with `IsGroupOf` as crowds, and masks; the mask of a box joins it.

    Names of classes come from `class-descriptions*.csv`; without such a file, `LabelName` is the name.
    """
    csv.field_size_limit(_MOST_CHARACTERS)
    collector = Collector(files, labels_lost=labels_lost)
    tables: list[_Table] = []
    titles: dict[str, str] = {}
    for name in with_suffix(files, ".csv"):
        try:
            table = _Table(name, text_of(files, name), frozenset())
            header = next(csv.reader(io.StringIO(table.text, newline="")), [])
            table.columns = frozenset(header)
            count = sum(1 for _ in table.rows())
        except (ValueError, OSError, csv.Error) as error:
            collector.leave_file(name, "file_unreadable", str(error))
            continue
        if "class-descriptions" in posixpath.basename(name):
            collector.use(name)
            titles |= _titles(collector, table)
        elif {"ImageID", "LabelName"} <= table.columns and ({*_BOX} <= table.columns or "MaskPath" in table.columns):
            collector.use(name)
            tables.append(table)
        elif {"ImageID", "LabelName"} <= table.columns:
            collector.leave_file(name, "other_task", f"{count} labels of whole images")
        else:
            collector.leave_file(
                name, "file_not_used", f"expected ImageID, LabelName and {', '.join(_BOX)} or MaskPath"
            )
    boxes_first = sorted(tables, key=lambda table: ("MaskPath" in table.columns, table.name))
    return _Import(files, collector, titles, boxes_first).run()


def _titles(collector: Collector, table: _Table) -> dict[str, str]:
    """Returns the names of classes by LabelName, from rows of two cells with or without a header."""
    found: dict[str, str] = {}
    for row in csv.reader(io.StringIO(table.text, newline="")):
        if len(row) >= 2 and row[0].strip() and row[1].strip() and row[0] != "LabelName":
            if row[1].strip() in found.values():
                collector.note("class_same_name", f"{table.name}: {row[0]}", row[1])
            found[row[0].strip()] = row[1].strip()
    return found


def _found(listed: Mapping[Key, Listed], finder: Finder) -> dict[Key, str | Refusal]:
    """Returns the image of each entry, or why it has none: two ImageIDs are never one image."""
    found = {key: finder.find(entry) for key, entry in listed.items()}
    ids: dict[str, set[str]] = {}
    for (_, image_id), image in found.items():
        if isinstance(image, str):
            ids.setdefault(image, set()).add(image_id)
    for key, image in found.items():
        if isinstance(image, str) and len(ids[image]) > 1:
            others = " and ".join(sorted(ids[image]))
            found[key] = Refusal("pairing_ambiguous", f"{image} may be {others}", (image,))
    return found


@dataclass
class _Import:
    """One import; an image is known by the split of its file and its ImageID."""

    files: SourceFiles
    collector: Collector
    titles: Mapping[str, str]
    tables: list[_Table]
    _images: dict[Key, dict[str, Any] | None] = field(default_factory=dict)
    _boxes: dict[tuple[int, str], list[tuple[tuple[float, ...], dict[str, Any]]]] = field(default_factory=dict)
    _masks: dict[str, list[str]] = field(default_factory=dict)

    def run(self) -> Imported:
        """Finds the images that the tables name, then adds their rows."""
        count: Counter[Key] = Counter()
        listed: dict[Key, Listed] = {}
        labels, paths = set(), set()
        for table in self.tables:
            for where, row in table.rows():
                key = (table.split, row["ImageID"])
                count[key] += 1
                listed.setdefault(key, Listed(table.name, where, (key[1],) if key[1] else (), split=table.split))
                labels.add(row["LabelName"])
                paths.add(posixpath.basename(row.get("MaskPath", "")))
        masks = self._find_masks(paths)
        for label, title in self.titles.items():
            if label in labels:
                self.collector.add_class(title)
        photos = [name for name in self.files.image_names() if name not in masks]
        finder = Finder(photos, [table.name for table in self.tables])
        splits = self._add_images(listed, _found(listed, finder), count)
        for table in self.tables:
            for where, row in table.rows():
                image = self._images[table.split, row["ImageID"]]
                if image is not None:  # else counted with its image
                    self._add_row(image, row, where, table.split)
        return self.collector.finish("open_images", split_entries(splits), finder.index)

    def _find_masks(self, paths: Set[str]) -> Set[str]:
        """Returns the files that MaskPath names; where an image has the same name, those in a folder of masks."""
        for name in self.files.names():
            if posixpath.basename(name) in paths:
                self._masks.setdefault(posixpath.basename(name), []).append(name)
        for base, names in self._masks.items():
            self._masks[base] = [name for name in names if "mask" in posixpath.dirname(name).casefold()] or names
        found = {name for names in self._masks.values() for name in names}
        for name in sorted(found):
            self.collector.use(name)
        return found

    def _add_images(
        self, listed: Mapping[Key, Listed], found: Mapping[Key, str | Refusal], count: Mapping[Key, int]
    ) -> list[SplitEntry]:
        """Adds each image once, whichever files name it; returns what the names of the files say of its split."""
        splits = []
        records: dict[str, dict[str, Any] | None] = {}
        for key, entry in listed.items():
            image = found[key]
            if isinstance(image, Refusal):
                refuse(self.collector, entry, image, count[key])
                self._images[key] = None
                continue
            if image not in records:
                records[image] = self.collector.add_image(image)
            self._images[key] = records[image]
            if records[image] is None:
                self.collector.account.leave("objects", "image_unreadable", count[key])
            if entry.split is not None:
                splits.append(SplitEntry(entry.split, image, entry.where))
        return splits

    def _add_row(self, image: dict[str, Any], row: Mapping[str, str], where: str, split: str | None) -> None:
        label = row["LabelName"]
        title = self.titles.get(label) if self.titles else label
        if not title:
            detail = f"LabelName {brief(label)} is in no class-descriptions file"
            self.collector.lose_object(image, "class_unknown", where, detail)
            return
        is_mask = "MaskPath" in row
        try:
            if is_mask:
                shape: dict[str, Any] = {"segmentation": self._mask(row, image, where, split)}
            else:
                shape = {"bbox": self._bbox(row, image, where)}
        except (ValueError, OSError, ImageError) as error:
            self.collector.lose_object(image, "mask_malformed" if is_mask else "object_malformed", where, str(error))
            return
        box = self._box_of(row, image, label) if is_mask else None
        if box is not None:
            box |= shape
            self.collector.account.take("elements")
            self.collector.note("parts_joined", where, "a mask and its box")
            return
        said = {key: value for key, value in row.items() if key not in _READ and value not in ("", "0", "-1")}
        if said.get("Confidence") == "1":
            del said["Confidence"]
        crowd = {"iscrowd": 1} if row.get("IsGroupOf") == "1" else {}
        record = self.collector.add_object(image, title, **shape, **crowd, **({"attributes": said} if said else {}))
        if not is_mask:
            sides = tuple(number(row[side]) for side in _BOX)
            self._boxes.setdefault((image["id"], label), []).append((sides, record))

    def _bbox(self, row: Mapping[str, str], image: Mapping[str, Any], where: str) -> list[float]:
        x, y = [number(row["XMin"]), number(row["XMax"])], [number(row["YMin"]), number(row["YMax"])]
        if x[0] > x[1] or y[0] > y[1]:
            self.collector.note("corners_sorted", where, f"x {x}, y {y}")
        width, height = image["width"], image["height"]
        return [min(x) * width, min(y) * height, (max(x) - min(x)) * width, (max(y) - min(y)) * height]

    def _box_of(self, row: Mapping[str, str], image: Mapping[str, Any], label: str) -> dict[str, Any] | None:
        """Returns the record of the only box of this class that a mask names and that has none yet."""
        try:
            sides = [number(row.get(side)) for side in _BOX_OF_MASK]
        except ValueError:
            return None
        same = [
            record
            for box, record in self._boxes.get((image["id"], label), ())
            if "segmentation" not in record and all(abs(a - b) <= _SAME_BOX for a, b in zip(box, sides, strict=True))
        ]
        return same[0] if len(same) == 1 else None

    def _mask(self, row: Mapping[str, str], image: Mapping[str, Any], where: str, split: str | None) -> dict[str, Any]:
        """Decodes a mask, the pixels that are not black, stretched to the image: the published ones are smaller."""
        base = posixpath.basename(row["MaskPath"])
        names = self._masks.get(base, []) if base else []
        of_split = [name for name in names if split_of_folder(posixpath.dirname(name)) == split]
        names = of_split if len(names) > 1 else names
        if len(names) != 1:
            raise ValueError(f"expected one file {base!r}, found {len(names)}")
        height, width = self.files.image_size(names[0])
        image_hw = (image["height"], image["width"])
        with opened_image(self.files.read(names[0]), name=names[0], max_pixels=height * width) as opened:
            pixels: NDArray[np.bool_] = np.asarray(opened.convert("L")) > 0
        if pixels.shape != image_hw:
            if abs(pixels.shape[0] * image_hw[1] / (pixels.shape[1] * image_hw[0]) - 1) > _SAME_PROPORTION:
                raise ValueError(
                    f"{names[0]}: expected the proportions of height and width {image_hw}, got {pixels.shape}"
                )
            self.collector.note("mask_resized", where, f"from {pixels.shape} to {image_hw} (height, width)")
            pixels = np.asarray(Image.fromarray(pixels).resize(image_hw[::-1], Image.Resampling.NEAREST))
        return encode_mask(pixels)
