"""Takes corrections back into a dataset's annotations: what was changed, added, removed and confirmed, counted."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import RawCoco
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import (
    Rle,
    rle_boxes,
    rle_iou,
    segmentation_area,
    segmentation_to_rle,
)
from gsam_edge.coco.table.records import JsonRecords
from gsam_edge.evaluate.review.config import ImportReviewConfig
from gsam_edge.evaluate.review.package import Review
from gsam_edge.evaluate.review.returned import Corrections, read_corrections
from gsam_edge.vision.boxes import box_iou, xywh_to_xyxy, xyxy_to_xywh

#: Added to the overlap of two objects of one class, where several would make a pair.
_SAME_CLASS = 0.25
OUTCOMES = ("confirmed", "changed", "added", "removed", "already", "left")
#: Most images that the report lists.
_MOST_LISTED = 500


@dataclass(frozen=True)
class _Shape:
    """An object to compare.

    Attributes:
        record: its COCO record.
        name: its class.
        xyxy: its box, or that of its mask, float32 [4].
        rle: its mask, None where it has none.
    """

    record: Mapping[str, Any]
    name: str
    xyxy: NDArray[np.float32]
    rle: Rle | None

    @classmethod
    def of(cls, record: Mapping[str, Any], names: Mapping[int, str], image_hw: tuple[int, int]) -> "_Shape":
        segmentation = record.get("segmentation")
        rle = segmentation_to_rle(segmentation, image_hw) if segmentation else None
        if record.get("bbox"):
            xyxy = xywh_to_xyxy(record["bbox"])[0]
        elif rle is not None:
            xyxy = rle_boxes([rle])[0]
        else:
            xyxy = np.zeros(4, np.float32)
        return cls(record, names.get(record["category_id"], ""), xyxy, rle)

    def iou(self, other: "_Shape") -> float:
        """Returns the IoU of the masks where both have one, else of the boxes."""
        if self.rle is not None and other.rle is not None:
            return rle_iou(self.rle, other.rle)
        return float(box_iou(self.xyxy[None], other.xyxy[None])[0, 0])


@dataclass
class _Account:
    """What became of the objects of the returned images."""

    objects: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))
    what: Counter[str] = field(default_factory=Counter)
    per_image: list[dict[str, Any]] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)

    def leave(self, where: str, detail: str) -> None:
        self.objects["left"] += 1
        self.left.append({"where": where, "detail": detail})


@dataclass(frozen=True)
class Corrected:
    """A dataset's annotations with corrections in them.

    Attributes:
        content: the whole new file; empty where nothing is different.
        report: see `take_back`.
    """

    content: bytes
    report: dict[str, Any]


def take_back(raw: RawCoco, review: Review, corrections: Corrections, config: ImportReviewConfig) -> Corrected:
    """Puts corrections into the annotations that a review was made of; all else in the file stays as it is.

    An object that came back as it was handed out keeps its record to the letter. The images that came back are
    compared with what was handed out, not with the file: an object that the checks had dropped is not removed by a
    correction that does not know it. Crowd regions stay as they are.

    Args:
        raw: the dataset's present annotations.json.
        review: what was handed out.
        corrections: what came back.
        config: when an object is the same.

    Returns:
        The file, and a report: `corrections`, `format`, `up_to_date` (whether the file is the one that the review was
        made of), `images` {handed_out, returned, not_returned, changed}, `objects` {confirmed, changed, added, removed,
        already: was corrected in the file before, left: was not taken}, `changed_what` {class, box, mask},
        `per_split` {split: {changed, added, removed}}, `new_classes`, `per_image`, `left` (where and why),
        `skipped` (by the importer), `notes` in words.

    Raises:
        InvalidDatasetError: if the corrections are of no known form, of other images, or of a class that the dataset
            does not have (unless `config.new_classes` keeps it).
    """
    content = raw.content
    if not isinstance(content, Mapping) or not all(key in content for key in ("images", "annotations", "categories")):
        raise InvalidDatasetError("annotations.json: expected a COCO mapping; run data_validation, which says more")
    imported, form = read_corrections(corrections, review.labels["images"])
    file = _File(content)
    new_classes = _new_classes(imported.content, file, config, corrections.name)
    account = _Account()
    splits = {row["file_name"]: row["split"] for row in review.rows}
    per_split: dict[str, Counter[str]] = {}
    returned = {image["file_name"]: image for image in imported.content["images"]}
    given_names = {category["id"]: category["name"] for category in review.labels["categories"]}
    got_names = {category["id"]: category["name"] for category in imported.content["categories"]}
    given_of, got_of = _by_image(review.labels["annotations"]), _by_image(imported.content["annotations"])
    for image in review.labels["images"]:
        back = returned.get(image["file_name"])
        if back is None:
            continue
        hw = (int(image["height"]), int(image["width"]))
        given = [_Shape.of(record, given_names, hw) for record in given_of.get(image["id"], ())]
        got = [_Shape.of(record, got_names, hw) for record in got_of.get(back["id"], ())]
        before = account.objects.copy()
        _compare(file, image, given, got, config, account)
        told = {key: account.objects[key] - before[key] for key in ("changed", "added", "removed")}
        if any(told.values()):
            split = splits.get(image["file_name"], "")
            account.per_image.append({"file_name": image["file_name"], "split": split, **told})
            per_split.setdefault(split, Counter()).update(told)
    handed_out = len(review.labels["images"])
    report = {
        "corrections": corrections.name,
        "format": form,
        "up_to_date": review.source == raw.digest,
        "images": {
            "handed_out": handed_out,
            "returned": len(returned),
            "not_returned": handed_out - len(returned),
            "changed": len(account.per_image),
        },
        "objects": dict(account.objects),
        "changed_what": dict(account.what),
        "per_split": {name: dict(counts) for name, counts in per_split.items()},
        "new_classes": new_classes,
        "per_image": account.per_image[:_MOST_LISTED],
        "left": account.left[:_MOST_LISTED],
        "skipped": imported.report.get("skipped", {}),
    }
    report["notes"] = _notes(report)
    return Corrected(file.to_json() if file.is_changed else b"", report)


class _File:
    """The dataset's annotations, of which only what is corrected is written anew."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        records = content["annotations"]
        self._records = records if isinstance(records, JsonRecords) else JsonRecords(list(records))
        self._items: list[Any] = list(self._records.items)
        self._removed: set[int] = set()
        self._added: list[dict[str, Any]] = []
        self._new_categories: list[dict[str, Any]] = []
        self.is_changed = False
        self.category_ids = {str(each["name"]).strip(): each["id"] for each in content["categories"]}
        self._names = {each["id"]: str(each["name"]).strip() for each in content["categories"]}
        self._image_ids = {str(image["file_name"]): image["id"] for image in content["images"]}
        self._rows: dict[Any, list[int]] = {}
        highest, self.has_boxes, self.has_masks = 0, False, False
        for row, record in enumerate(self._records):
            if not isinstance(record, Mapping):
                continue
            self._rows.setdefault(record.get("image_id"), []).append(row)
            highest = max(highest, record["id"] if type(record.get("id")) is int else 0)
            self.has_boxes |= bool(record.get("bbox")) and not record.get("iscrowd")
            self.has_masks |= bool(record.get("segmentation")) and not record.get("iscrowd")
        self._free_ids = count(highest + 1)

    def image_id(self, image: Mapping[str, Any]) -> Any:
        """Returns the id that an image has in the file; None where the file does not list it any more."""
        return self._image_ids.get(image["file_name"])

    def shapes(self, image_id: Any, image_hw: tuple[int, int]) -> list[tuple[int, _Shape]]:
        """Returns row and shape of the objects of an image that can be read, without crowds."""
        found = []
        for row in self._rows.get(image_id, ()):
            if row in self._removed:
                continue
            record = self._record(row)
            if record.get("iscrowd"):
                continue
            try:
                found.append((row, _Shape.of(record, self._names, image_hw)))
            except (ValueError, TypeError, KeyError, IndexError):
                continue  # what the checks of the dataset refuse was not handed out either
        return found

    def _record(self, row: int) -> dict[str, Any]:
        value = JsonRecords([self._items[row]])[0]
        return dict(value)

    def add_class(self, name: str) -> None:
        """Adds a category."""
        used = [number for number in self._names if type(number) is int]
        number = max(used, default=0) + 1
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
        head = {
            key: value for key, value in self._content.items() if key not in ("images", "annotations", "categories")
        }
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


def _new_classes(imported: Mapping[str, Any], file: _File, config: ImportReviewConfig, name: str) -> list[str]:
    """Adds the classes that the file does not have and that objects use.

    Raises:
        InvalidDatasetError: unless they are to be kept.
    """
    used = {record["category_id"] for record in imported["annotations"]}
    names = [str(each["name"]) for each in imported["categories"] if each["id"] in used]
    new = [each for each in names if each not in file.category_ids]
    if new and config.new_classes == "error":
        raise InvalidDatasetError(
            f"{name}: expected the dataset's classes {sorted(file.category_ids)}, got also {new}; rename them in the "
            "label tool, or give import_review.new_classes=keep, after which every model is trained anew"
        )
    for each in new:
        file.add_class(each)
    return new


def _by_image(records: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        if not record.get("iscrowd"):
            found.setdefault(record["image_id"], []).append(record)
    return found


def _pairs(first: Sequence[_Shape], second: Sequence[_Shape], least: float) -> list[tuple[int, int, float]]:
    """Returns the rows of the objects of two lists that are one, with their IoU: the pairs of the largest overlap.

    Of objects that overlap alike those of one class are one.
    """
    from scipy.optimize import linear_sum_assignment

    if not first or not second:
        return []
    iou = np.array([[one.iou(other) for other in second] for one in first])
    worth = iou + _SAME_CLASS * np.array([[one.name == other.name for other in second] for one in first])
    worth[iou < least] = 0
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [
        (row, column, float(iou[row, column]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if iou[row, column] >= max(least, np.finfo(float).tiny)
    ]


def _compare(
    file: _File,
    image: Mapping[str, Any],
    given: Sequence[_Shape],
    got: Sequence[_Shape],
    config: ImportReviewConfig,
    account: _Account,
) -> None:
    """Puts the differences between what was handed out and what came back of one image into the file."""
    where, image_id = str(image["file_name"]), file.image_id(image)
    pairs = _pairs(given, got, config.match_iou)
    same = [(one, other) for one, other, iou in pairs if _is_same(given[one], got[other], iou, config)]
    account.objects["confirmed"] += len(same)
    changed = [(one, other) for one, other, _ in pairs if (one, other) not in same]
    removed = sorted(set(range(len(given))) - {one for one, _, _ in pairs})
    added = sorted(set(range(len(got))) - {other for _, other, _ in pairs})
    if not (changed or removed or added):
        return
    if image_id is None:
        for _ in range(len(changed) + len(removed) + len(added)):
            account.leave(where, "annotations.json does not list the image any more")
        return
    hw = (int(image["height"]), int(image["width"]))
    present = file.shapes(image_id, hw)
    row_of = {one: present[at][0] for one, at, _ in _pairs(given, [shape for _, shape in present], config.match_iou)}
    shape_of = dict(present)

    def is_there(shape: _Shape) -> bool:
        """Whether the file holds an object already as it came back."""
        return any(_is_same(shape, other, shape.iou(other), config) for _, other in present)

    for one, other in changed:
        row, shape = row_of.get(one), got[other]
        if row is None or not _is_untouched(given[one], shape_of[row], config):
            done = is_there(shape)
            _settle(account, where, f"'{given[one].name}' was changed in annotations.json meanwhile", already=done)
            continue
        record, what = _changed(shape_of[row].record, given[one], shape, file, hw, config)
        if record is None:
            account.leave(where, what[0])
            continue
        file.change(row, record)
        account.objects["changed"] += 1
        account.what.update(what)
    for one in removed:
        row = row_of.get(one)
        if row is None or not _is_untouched(given[one], shape_of[row], config):
            gone = row is None
            _settle(account, where, f"'{given[one].name}' was changed in annotations.json meanwhile", already=gone)
            continue
        file.remove(row)
        account.objects["removed"] += 1
    for other in added:
        if is_there(got[other]):
            account.objects["already"] += 1
            continue
        made = _shape_record(got[other], file, hw)
        if made is None:
            account.leave(where, f"a new '{got[other].name}' has no mask, and this dataset has masks alone")
            continue
        file.add(image_id, {"category_id": file.category_ids[got[other].name], **made, "iscrowd": 0})
        account.objects["added"] += 1


def _settle(account: _Account, where: str, detail: str, *, already: bool) -> None:
    if already:
        account.objects["already"] += 1
    else:
        account.leave(where, detail)


def _is_same(one: _Shape, other: _Shape, iou: float, config: ImportReviewConfig) -> bool:
    return one.name == other.name and iou >= config.same_iou


def _is_untouched(given: _Shape, present: _Shape, config: ImportReviewConfig) -> bool:
    """Whether the file's object is still the one that was handed out; the checks may have mended its shape a little."""
    return given.name == present.name and given.iou(present) >= max(config.match_iou, 1 - 2 * (1 - config.same_iou))


def _changed(
    record: Mapping[str, Any],
    given: _Shape,
    got: _Shape,
    file: _File,
    image_hw: tuple[int, int],
    config: ImportReviewConfig,
) -> tuple[dict[str, Any] | None, list[str]]:
    """Returns the new record of an object and what is new in it; None with the reason where it cannot be taken.

    What the tool did not change stays: keys of the user's own, and a mask where only the class is another.
    """
    new = {**record, "category_id": file.category_ids[got.name]}
    what = ["class"] if got.name != given.name else []
    if given.iou(got) >= config.same_iou:
        return new, what
    made = _shape_record(got, file, image_hw)
    if made is None:
        return None, [f"'{given.name}' came back without a mask, and this dataset has masks alone"]
    for key in ("bbox", "segmentation", "area", "bbox_source"):
        new.pop(key, None)
    if not record.get("bbox") and "segmentation" in made:
        made.pop("bbox", None)  # a box that nobody labelled is none
    kinds = ["mask"] if "segmentation" in made else ["box"]
    if record.get("segmentation") and "segmentation" not in made:
        kinds.append("mask_lost")
    return new | made, what + kinds


def _shape_record(got: _Shape, file: _File, image_hw: tuple[int, int]) -> dict[str, Any] | None:
    """Returns box, mask and area of an object in the kinds of label that the dataset has; None where it has neither."""
    segmentation = got.record.get("segmentation") if file.has_masks else None
    if segmentation:
        area, xywh = segmentation_area(segmentation, image_hw)
        box = {"bbox": got.record.get("bbox") or xywh} if file.has_boxes else {}
        return {**box, "segmentation": segmentation, "area": area}
    if not file.has_boxes:
        return None
    xywh = [round(float(value), 2) for value in xyxy_to_xywh(got.xyxy[None])[0]]
    return {"bbox": xywh, "area": round(xywh[2] * xywh[3], 2)}


def _notes(report: Mapping[str, Any]) -> list[str]:
    """Returns what a reader of the counts should know, in sentences."""
    return list(_told(report))


def _told(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["up_to_date"]:
        yield (
            "annotations.json is another one than the review was made of: objects that were changed since were left as "
            "they are"
        )
    if report["images"]["not_returned"]:
        yield f"{report['images']['not_returned']} images did not come back, and stay as they are"
    if lost := report["changed_what"].get("mask_lost"):
        yield f"{lost} objects came back with a box alone, and lost their mask"
    if report["new_classes"]:
        yield f"new classes {report['new_classes']}: every model has to be trained anew"
    if any(report["per_split"].get("test", {}).values()):
        yield (
            "labels of test images were corrected where models disagree with them: what they agree on and is wrong as "
            "well was not looked at, so that figures on these images come out a little too good"
        )
