"""Checks one annotation of a COCO file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gsam_edge.coco.checks.categories import CategoryCheck
from gsam_edge.coco.checks.findings import Case, Ledger, Outcome
from gsam_edge.coco.checks.ids import id_number, is_word
from gsam_edge.coco.checks.images import ImageCheck
from gsam_edge.coco.checks.losses import Losses
from gsam_edge.coco.checks.object_shapes import CheckedShape, check_bbox, check_segmentation
from gsam_edge.coco.checks.values import read_text
from gsam_edge.coco.geometry.shapes import brief, finite_area, is_close, whole_number

#: Values by which files say that a shape is absent.
_ABSENT: Mapping[str, tuple[Any, ...]] = {"bbox": (None, []), "segmentation": (None, [], {})}
#: Faults that take no shape away.
_READ = frozenset({"segmentation_empty", "segmentation_blank", "number_as_text", "polygon_in_other_layout"})


@dataclass(frozen=True)
class Draft:
    """An annotation that is sound by itself, not yet compared with the others.

    Attributes:
        record: the file's record.
        new: the sound values of `image_id`, `category_id`, `bbox` and `segmentation` (None where there is none), and
            of `iscrowd` and `area` where they were wrong.
        case: its open case.
    """

    record: Mapping[str, Any]
    new: dict[str, Any]
    case: Case


@dataclass
class ObjectCheck:
    """Checks annotations one by one: each by itself, then, in the file's order, against those before it.

    Attributes:
        images: the sound images.
        categories: the sound categories.
        ledger: records the faults.
        area_tolerance: an area may differ from that of its mask by this share.
        new_id: id for the next annotation that needs a new one; above all ids of the file.
        losses: the labels that were lost.
        unknown: `image_id` and `category_id` to the numbers without a record, None for words without one.
    """

    images: ImageCheck
    categories: CategoryCheck
    ledger: Ledger
    area_tolerance: float
    new_id: int = 1
    losses: Losses = field(default_factory=Losses, init=False)
    unknown: dict[str, set[int | None]] = field(
        default_factory=lambda: {"image_id": set(), "category_id": set()}, init=False
    )
    _ids: set[int] = field(default_factory=set, init=False)
    _seen: dict[Any, str] = field(default_factory=dict, init=False)

    def examine(self, row: int, record: Any) -> Draft | None:
        """Checks one annotation by itself; None if dropped. Raises InvalidDatasetError for the policy `error`."""
        case = Case(self.ledger, f"annotations[{row}]")
        draft = self._examined(case, record)
        if draft is None:
            self._lose_label(case, self._image_id(record))
        return draft

    def _examined(self, case: Case, record: Any) -> Draft | None:
        if not isinstance(record, Mapping):
            case.drop("annotation_malformed", f"expected a mapping, got {brief(record)}")
            return None
        case.about(id=whole_number(record.get("id")))
        references = record.get("image_id"), record.get("category_id")
        if not all(id_number(value) is not None or is_word(value) for value in references):
            told = f"image_id {brief(references[0])} and category_id {brief(references[1])}"
            case.drop("annotation_malformed", f"expected ids of an image and of a category, got {told}")
            return None
        image_id, category_id = self._image_id(record), self._category_id(record)
        image = None if image_id is None else self.images.records.get(image_id)
        if image is None:
            is_dropped = image_id in self.images.lost
            if not is_dropped:
                self.unknown["image_id"].add(image_id)
            code = f"annotation_of_{'dropped' if is_dropped else 'unknown'}_image"
            case.drop(code, f"image_id {brief(record['image_id'])}")
            return None
        case.about(file_name=image["file_name"])
        if category_id is None or category_id not in self.categories.records:
            self.unknown["category_id"].add(category_id)
            case.drop("annotation_of_unknown_category", f"category_id {brief(record['category_id'])}")
            return None
        new: dict[str, Any] = {"image_id": image_id, "category_id": category_id}
        self._references(case, record, new)
        if self._shape(case, record, new, (image["height"], image["width"])):
            return None
        return Draft(record, new, case)

    def compare(self, draft: Draft) -> Mapping[str, Any] | None:
        """Compares an annotation with those before it and closes its case.

        Returns the sound record, or None if it was dropped. Raises InvalidDatasetError for the policy `error`.
        """
        case, record, new = draft.case, draft.record, draft.new
        record_id = whole_number(record.get("id"))
        key = (new["image_id"], new["category_id"], _frozen(new["bbox"]), _frozen(new["segmentation"]))
        if key in self._seen:
            detail = f"the same as {self._seen[key]}"
            if case.fault("annotation_duplicate", detail) == "drop":
                case.drop("annotation_duplicate", detail)
                self._lose_label(case, new["image_id"])
                return None
        if record_id is None or record_id in self._ids:
            code = "annotation_id_missing" if record_id is None else "annotation_id_duplicate"
            code = "id_renumbered" if is_word(record.get("id")) else code
            detail = f"id {brief(record.get('id'))} became {self.new_id}"
            if case.fault(code, detail) == "drop":
                case.drop(code, detail)
                self._lose_label(case, new["image_id"])
                return None
            record_id, self.new_id = self.new_id, self.new_id + 1
        elif type(record["id"]) is not int:
            case.fault("id_not_integer", f"id {brief(record['id'])}")
        new["id"] = record_id
        self._ids.add(record_id)
        self._seen.setdefault(key, f"annotation {record_id}")
        case.close()
        return _merged(record, new)

    def _image_id(self, record: Any) -> int | None:
        """Returns the id of the image that a record names, that of the first where it is listed twice."""
        image_id = self.images.ids.find(record.get("image_id")) if isinstance(record, Mapping) else None
        return None if image_id is None else self.images.moved.get(image_id, image_id)

    def _category_id(self, record: Mapping[str, Any]) -> int | None:
        """Returns the id of the category that a record names, that of the first where two were merged."""
        category_id = self.categories.ids.find(record["category_id"])
        return None if category_id is None else self.categories.moved.get(category_id, category_id)

    def _lose_label(self, case: Case, image_id: int | None) -> None:
        image_id = None if image_id is None else self.images.namesakes.get(image_id, image_id)
        if image_id in self.images.records:
            self.losses.enter_label(image_id, case)

    def _references(self, case: Case, record: Mapping[str, Any], new: dict[str, Any]) -> None:
        for key, ids in (("image_id", self.images.ids), ("category_id", self.categories.ids)):
            if ids.find(record[key]) != new[key]:
                case.fault("annotation_moved", f"{key} {brief(record[key])} became {new[key]}")
            elif is_word(record[key]):
                case.fault("id_renumbered", f"{key} {brief(record[key])} became {new[key]}")
            elif type(record[key]) is not int:
                case.fault("id_not_integer", f"{key} {brief(record[key])}")
        crowd = record.get("iscrowd", 0)
        if type(crowd) is not int or crowd not in (0, 1):
            new["iscrowd"] = int(whole_number(crowd) == 1 or crowd is True)
            case.fault("iscrowd_not_integer", f"iscrowd {brief(crowd)}")

    def _shape(
        self, case: Case, record: Mapping[str, Any], new: dict[str, Any], image_hw: tuple[int, int]
    ) -> Outcome | None:
        """Puts the sound shape into `new`; returns an outcome only if the annotation is dropped."""
        before = len(case.faults)
        box = check_bbox(case, record.get("bbox"), image_hw)
        mask = check_segmentation(case, record.get("segmentation"), image_hw)
        dropped_for = box.dropped_for or mask.dropped_for
        left = {} if dropped_for else {"bbox": box.value, "segmentation": mask.value}
        self.losses.enter_shapes(record, left)
        if dropped_for:
            return case.drop(*dropped_for)
        if box.value is None and mask.value is None:
            reasons = [fault for fault in case.faults[before:] if fault[0] not in _READ]
            return case.drop(*(reasons or [("annotation_without_shape", "expected a bbox or a segmentation")])[0])
        new["bbox"], new["segmentation"] = box.value, mask.value
        self._area(case, record, new, mask if mask.value is not None else box)
        return None

    def _area(self, case: Case, record: Mapping[str, Any], new: dict[str, Any], shape: CheckedShape) -> None:
        declared = record.get("area")
        if declared is None:
            return
        number = finite_area(declared)
        if number is None and (number := finite_area(read_text(declared))) is not None:
            case.fault("number_as_text", f"area {brief(declared)}")
            new["area"] = number
        sound = (shape.area, shape.outline_area)
        if number is None or not any(is_close(number, area, self.area_tolerance) for area in sound):
            code = "area_malformed" if number is None else "area_mismatch"
            detail = f"area {brief(declared)}, the {'mask' if new['segmentation'] else 'box'} has {shape.area:g}"
            if case.fault(code, detail) == "fix":
                new["area"] = shape.area


def _frozen(value: Any) -> Any:
    """Returns a hashable form of a box or a segmentation."""
    if isinstance(value, Mapping):
        return tuple((key, _frozen(value[key])) for key in ("size", "counts"))
    return tuple(_frozen(part) for part in value) if isinstance(value, list | tuple) else value


def _merged(record: Mapping[str, Any], new: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the record itself if nothing changed, else a copy with the new values and without removed shapes."""
    changes = {
        key: value
        for key, value in new.items()
        if value is not None
        and not (record.get(key) is value or (type(record.get(key)) is int and record[key] == value))
    }
    taken = {key for key in _ABSENT if new[key] is None and record.get(key) not in _ABSENT[key]}
    if not changes and not taken:
        return record
    return {key: value for key, value in record.items() if key not in taken} | changes
