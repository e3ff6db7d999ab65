"""Compares the objects of one image as they were handed out, as they came back, and as the dataset has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from gsam_edge.coco.geometry.segmentation import segmentation_area
from gsam_edge.evaluate.review.account import Account
from gsam_edge.evaluate.review.config import ImportReviewConfig
from gsam_edge.evaluate.review.dataset_file import DatasetFile
from gsam_edge.evaluate.review.shapes import ObjectShape, pairs
from gsam_edge.vision.boxes import xyxy_to_xywh

#: Why an object is left whose record is not the one that was handed out.
_OTHERWISE = "does not stand in annotations.json as it was handed out: it was changed there since"


@dataclass(frozen=True)
class ReturnedImage:
    """One image that came back.

    Attributes:
        file_name: its name.
        image_hw: height and width, pixels.
        given: its objects as they were handed out, without crowds.
        got: its objects as they came back, without crowds.
        new_crowds: crowd regions that came back and were not handed out.
    """

    file_name: str
    image_hw: tuple[int, int]
    given: Sequence[ObjectShape]
    got: Sequence[ObjectShape]
    new_crowds: Sequence[ObjectShape]

    @classmethod
    def of(
        cls, file_name: str, image_hw: tuple[int, int], given: Sequence[ObjectShape], got: Sequence[ObjectShape]
    ) -> Self:
        """Sorts out the crowd regions of both lists."""
        crowds = [shape for shape in given if shape.record.get("iscrowd")]
        back = [shape for shape in got if shape.record.get("iscrowd")]
        known = {row for _, row, _ in pairs(crowds, back, 0.5)}
        return cls(
            file_name,
            image_hw,
            [shape for shape in given if not shape.record.get("iscrowd")],
            [shape for shape in got if not shape.record.get("iscrowd")],
            [shape for row, shape in enumerate(back) if row not in known],
        )


def standing(file: DatasetFile, image: ReturnedImage, config: ImportReviewConfig) -> int:
    """Returns how many of an image's objects stand in the file as they were handed out."""
    present = list(file.shapes(file.image_id(image.file_name), image.image_hw).values())
    return sum(
        _is_untouched(image.given[one], present[at], config)
        for one, at, _ in pairs(image.given, present, config.match_iou)
    )


def compare(file: DatasetFile, image: ReturnedImage, config: ImportReviewConfig, account: Account) -> None:
    """Puts the differences between what was handed out and what came back of one image into the file."""
    before = account.objects.copy()
    marked = _marked_as_crowds(image, config, account)
    matched = pairs(image.given, image.got, config.match_iou)
    same = {(one, other) for one, other, _ in matched if image.given[one].is_same_as(image.got[other], config.same_iou)}
    account.objects["confirmed"] += len(same)
    changed = [(one, other) for one, other, _ in matched if (one, other) not in same]
    removed = sorted(set(range(len(image.given))) - {one for one, _, _ in matched} - marked)
    added = sorted(set(range(len(image.got))) - {other for _, other, _ in matched})
    if changed or removed or added:
        _Correction(file, image, config, account).apply(changed, removed, added)
    account.settle(image.file_name, before)


def _marked_as_crowds(image: ReturnedImage, config: ImportReviewConfig, account: Account) -> set[int]:
    """Leaves new crowd regions; returns the objects that were made one, which are not removed for it."""
    marked = {one: row for one, row, _ in pairs(image.given, image.new_crowds, config.match_iou)}
    for shape in image.new_crowds:
        account.leave(image.file_name, f"'{shape.name}' came back as a crowd region, which an import does not take")
    return set(marked)


class _Correction:
    """Puts the corrections of one image into the file."""

    def __init__(self, file: DatasetFile, image: ReturnedImage, config: ImportReviewConfig, account: Account) -> None:
        self._file, self._image, self._config, self._account = file, image, config, account
        self._image_id = file.image_id(image.file_name)
        self._present = file.shapes(self._image_id, image.image_hw)
        rows = list(self._present)
        found = pairs(image.given, list(self._present.values()), config.match_iou)
        self._row_of = {one: rows[at] for one, at, _ in found}

    def apply(self, changed: Sequence[tuple[int, int]], removed: Sequence[int], added: Sequence[int]) -> None:
        """Changes, removes and adds records.

        Args:
            changed: rows of objects that were handed out, with those of what they came back as.
            removed: rows of objects that did not come back.
            added: rows of objects that were not handed out.
        """
        if self._image_id is None:
            for _ in range(len(changed) + len(removed) + len(added)):
                self._leave("annotations.json does not list the image any more")
            return
        for one, other in changed:
            self._change(one, self._image.got[other])
        for one in removed:
            self._remove(one)
        for other in added:
            self._add(self._image.got[other])

    def _change(self, one: int, got: ObjectShape) -> None:
        given, row = self._image.given[one], self._untouched(one)
        if row is None:
            if not self._is_there(got):
                self._leave(f"'{given.name}' {_OTHERWISE}")
            else:
                self._account.objects["already"] += 1
            return
        record, what = self._changed(self._file.record(row), given, got)
        if record is None:
            self._leave(f"'{given.name}' came back without a mask, and this dataset has masks alone")
            return
        self._file.change(row, record)
        self._account.objects["changed"] += 1
        self._account.what.update(what)

    def _remove(self, one: int) -> None:
        row = self._untouched(one)
        if row is not None:
            self._file.remove(row)
            self._account.objects["removed"] += 1
        elif one in self._row_of:
            self._leave(f"'{self._image.given[one].name}' {_OTHERWISE}")
        else:
            self._account.objects["already"] += 1

    def _add(self, got: ObjectShape) -> None:
        if self._is_there(got):
            self._account.objects["already"] += 1
        elif (made := self._shape_record(got)) is None:
            self._leave(f"a new '{got.name}' has no mask, and this dataset has masks alone")
        else:
            category_id = self._file.category_ids[got.name]
            self._file.add(self._image_id, {"category_id": category_id, **made, "iscrowd": 0})
            self._account.objects["added"] += 1

    def _leave(self, detail: str) -> None:
        self._account.leave(self._image.file_name, detail)

    def _untouched(self, one: int) -> int | None:
        """Returns the row of an object that stands in the file as it was handed out; None where it does not."""
        row = self._row_of.get(one)
        is_untouched = row is not None and _is_untouched(self._image.given[one], self._present[row], self._config)
        return row if is_untouched else None

    def _is_there(self, got: ObjectShape) -> bool:
        """Whether the file holds an object already as it came back."""
        return any(present.is_same_as(got, self._config.same_iou) for present in self._present.values())

    def _changed(
        self, record: Mapping[str, Any], given: ObjectShape, got: ObjectShape
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """Returns the new record of an object and what is new in it; None where it cannot be taken.

        What the tool did not change stays: keys of the user's own, and a mask where only class or box is another.
        """
        new = {**record, "category_id": self._file.category_ids[got.name]}
        what = ["class"] if got.name != given.name else []
        if given.has_place_of(got, self._config.same_iou):
            if not given.has_box_of(got, self._config.same_iou):
                return new | {"bbox": _xywh(got)}, [*what, "box"]
            return new, what
        made = self._shape_record(got)
        if made is None:
            return None, []
        for key in ("bbox", "segmentation", "area", "bbox_source"):
            new.pop(key, None)
        if not record.get("bbox") and "segmentation" in made:
            made.pop("bbox", None)  # a box that nobody labelled is none
        kinds = ["mask"] if "segmentation" in made else ["box"]
        if record.get("segmentation") and "segmentation" not in made:
            kinds.append("mask_lost")
        return new | made, what + kinds

    def _shape_record(self, got: ObjectShape) -> dict[str, Any] | None:
        """Returns box, mask and area of an object in the kinds of label that the dataset has; None where in neither."""
        segmentation = got.record.get("segmentation") if self._file.has_masks else None
        if segmentation:
            area, tight = segmentation_area(segmentation, self._image.image_hw)
            box = {"bbox": _xywh(got) if got.record.get("bbox") else tight} if self._file.has_boxes else {}
            return {**box, "segmentation": segmentation, "area": area}
        if not self._file.has_boxes:
            return None
        xywh = _xywh(got)
        return {"bbox": xywh, "area": round(xywh[2] * xywh[3], 2)}


def _xywh(shape: ObjectShape) -> list[float]:
    return [round(float(value), 2) for value in xyxy_to_xywh(shape.xyxy[None])[0]]


def _is_untouched(given: ObjectShape, present: ObjectShape, config: ImportReviewConfig) -> bool:
    """Whether the file's object is still the one that was handed out; the checks may have mended its shape a little."""
    return given.name == present.name and given.iou(present) >= max(config.match_iou, 1 - 2 * (1 - config.same_iou))
