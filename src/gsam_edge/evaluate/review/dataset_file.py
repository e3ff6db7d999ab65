"""A dataset's annotations.json of which single records are corrected, and all else is written as it was read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from gsam_edge.coco import RawCoco
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.images.names import Spellings
from gsam_edge.coco.table.records import JsonRecords
from gsam_edge.evaluate.review.shapes import ObjectShape

_LISTS = ("images", "annotations", "categories")


class DatasetFile:
    """The file as it stands, unchecked: records that the checks of the dataset refuse are passed over, and stay.

    Args:
        raw: the parsed file.

    Raises:
        InvalidDatasetError: if it is no COCO mapping.
    """

    def __init__(self, raw: RawCoco) -> None:
        content = raw.content
        is_coco = isinstance(content, Mapping) and all(
            isinstance(content.get(key), Sequence) and not isinstance(content[key], str) for key in _LISTS
        )
        if not is_coco:
            raise InvalidDatasetError(
                "annotations.json: expected a COCO mapping with lists of images, annotations and categories; run the "
                "pipeline data_validation, which says more"
            )
        self._content = content
        records = content["annotations"]
        self._items: list[Any] = list(records.items if isinstance(records, JsonRecords) else records)
        self._removed: set[int] = set()
        self._added: list[dict[str, Any]] = []
        self._new_categories: list[dict[str, Any]] = []
        self.is_changed = False
        named = [each for each in content["categories"] if _has_id(each) and "name" in each]
        self._names = {each["id"]: str(each["name"]).strip() for each in named}
        self.category_ids = {name: category_id for category_id, name in self._names.items()}
        listed = [each for each in content["images"] if _has_id(each) and isinstance(each.get("file_name"), str)]
        self._image_ids = {each["file_name"]: each["id"] for each in listed}
        self._spellings = Spellings(self._image_ids)
        self._rows: dict[Any, list[int]] = {}
        highest, self.has_boxes, self.has_masks = 0, False, False
        for row, record in enumerate(map(self.record, range(len(self._items)))):
            if not isinstance(record, Mapping) or not isinstance(record.get("image_id"), int | str):
                continue
            self._rows.setdefault(record["image_id"], []).append(row)
            highest = max(highest, record["id"] if type(record.get("id")) is int else 0)
            self.has_boxes |= bool(record.get("bbox")) and not record.get("iscrowd")
            self.has_masks |= bool(record.get("segmentation")) and not record.get("iscrowd")
        self._free_ids = count(highest + 1)

    def image_id(self, file_name: str) -> Any:
        """Returns the id of an image, whose name may be spelled otherwise in the file; None where it is not listed."""
        found = self._spellings.find(file_name)
        return self._image_ids[found[0]] if len(found) == 1 else None

    def shapes(self, image_id: Any, image_hw: tuple[int, int]) -> dict[int, ObjectShape]:
        """Returns the objects of an image that can be read, without crowds, by row."""
        return dict(self._shapes(image_id, image_hw))

    def _shapes(self, image_id: Any, image_hw: tuple[int, int]) -> Iterator[tuple[int, ObjectShape]]:
        for row in self._rows.get(image_id, ()):
            record = self.record(row)
            if row in self._removed or record.get("iscrowd"):
                continue
            try:
                yield row, ObjectShape.of(record, self._names, image_hw)
            except ValueError:
                continue  # what the checks of the dataset refuse was not handed out either

    def record(self, row: int) -> Any:
        """Returns a record as it stands in the file, or as it was changed."""
        return JsonRecords([self._items[row]])[0]

    def add_class(self, name: str) -> None:
        """Adds a category."""
        number = max((number for number in self._names if type(number) is int), default=0) + 1
        self.category_ids[name], self._names[number] = number, name
        self._new_categories.append({"id": number, "name": name})
        self.is_changed = True

    def change(self, row: int, record: Mapping[str, Any]) -> None:
        """Replaces a record."""
        self._items[row] = record
        self.is_changed = True

    def remove(self, row: int) -> None:
        """Removes a record."""
        self._removed.add(row)
        self.is_changed = True

    def add(self, image_id: Any, record: Mapping[str, Any]) -> None:
        """Adds a record, with an id that none has."""
        self._added.append({"id": next(self._free_ids), "image_id": image_id, **record})
        self.is_changed = True

    def to_json(self) -> bytes:
        """Returns the file, one record a line; records that were not touched are written as they were read."""
        head = {key: value for key, value in self._content.items() if key not in _LISTS}
        parts = [
            f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}".encode() for key, value in head.items()
        ]
        kept = [item for row, item in enumerate(self._items) if row not in self._removed]
        lists = {
            "images": JsonRecords(list(self._content["images"])),
            "annotations": JsonRecords([*kept, *self._added]),
            "categories": JsonRecords([*self._content["categories"], *self._new_categories]),
        }
        for key, records in lists.items():
            lines = b",\n".join(text.strip() for text in records.json_texts())
            parts.append(b'"' + key.encode() + b'":[\n' + lines + b"\n]")
        return b"{" + b",\n".join(parts) + b"}\n"


def _has_id(record: Any) -> bool:
    return isinstance(record, Mapping) and isinstance(record.get("id"), int | str)
