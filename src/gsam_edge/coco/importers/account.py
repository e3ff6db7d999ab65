"""The account of an import: what was found, taken and left, and why. It adds up by construction."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

#: What is counted: each file is of the first two kinds; an element is a part of an object or file, such as a key point.
Kind: TypeAlias = Literal["images", "files", "objects", "entries of split lists", "elements"]
KINDS: Sequence[Kind] = ("images", "files", "objects", "entries of split lists", "elements")

#: What can be left behind, by code, and what the code means.
SKIPPED: Mapping[str, str] = {
    "file_unreadable": "an annotation file that does not parse, or is no UTF-8",
    "file_not_used": "a file that the format does not know",
    "link_outside": "a link that leads out of the folder or nowhere: it is not followed",
    "file_hidden": "a hidden file, or one that a system keeps for itself (.DS_Store, __MACOSX, @eaDir)",
    "image_missing": "annotations of an image that is not in the folder",
    "image_unreadable": "an image file that cannot be taken, or an annotation file or object of such an image",
    "image_annotated_twice": "a second annotation file for an image",
    "image_not_annotated": "an image without an annotation file: it is not known to be empty, so it is left out",
    "pairing_ambiguous": "an annotation file that may belong to several images, or several to one: none is guessed",
    "pairing_contradicts": "an annotation file whose name says one image and whose content another: none is guessed",
    "labels_lost": "an image that has annotations, none of which could be taken over: it would pass for empty",
    "name_not_utf8": "an image whose file name is no UTF-8",
    "object_malformed": "an object without a usable class or shape",
    "shape_malformed": "a box or outline that does not read, of an object with another shape, which is taken over",
    "class_unknown": "an object of a class number that has no name",
    "hole_not_cut": "an area that is no object and was not cut out: only boxes surround it, or it cannot be drawn",
    "shape_without_area": "a point, a line or a figure of them, which is neither a box nor a mask",
    "mask_malformed": "a mask of another size than its image, or that does not decode",
    "segmentation_image": "a VOC segmentation image: only the boxes and outlines are taken over",
    "key_points": "an object's key points: only its box is taken over",
    "part_of_object": "a part of an object (VOC's head, hand, foot), which COCO has no place for",
    "object_twice": "an object that another file has already, in all detail",
    "references_shifted": "a COCO file whose references to images or classes all miss by one: none is guessed",
    "other_task": "a file of captions, panoptic segments or predictions: it holds no objects to learn",
    "annotators_differ": "an image that several people labelled, each in another way: none is chosen on a guess",
    "annotation_cancelled": "an annotation that its author skipped, or did not submit",
    "element_not_used": "an element or key that the import does not know",
    "split_entry_unknown": "an entry of a list of splits that names none of the images taken over",
    "splits_incomplete": "lists of splits that do not name every image once: the splits are not taken over",
}

#: What was taken, but should be known, by code, and what the code means.
NOTED: Mapping[str, str] = {
    "image_not_listed": "an image that the table does not list: it has no objects (import_dataset.unlisted_images)",
    "name_spelled_otherwise": "a name that differs from its file's in separators, Unicode form, encoding or case",
    "pairing_contradicts": "an annotation file that names another image inside: the image of its own name has it",
    "labels_incomplete": "an image of which some objects were left behind: it stays, with the others",
    "class_same_name": "class numbers that share a name: they are one class",
    "label_not_text": "a label that is a number: it is read as text",
    "corners_sorted": "a box whose corners are given the other way round",
    "confidence": "a confidence beside a box: the box is taken over without it",
    "rotated": "a rotated rectangle: it is a polygon of four corners",
    "ellipse": "an ellipse: it is a polygon of 64 corners",
    "parts_joined": "shapes of one group and class: they are the parts of one object",
    "mask_resized": "a mask that is smaller or larger than its image: stretched to it",
    "box_of_corners": "a box of four corners that do not lie along the axes: the tight box around them is taken",
    "hole_cut": "an area that is no object: it was cut out of the outlines and masks around it",
    "ignored_area": "an area marked as not to be looked at: it is a crowd, neither learnt as an object nor measured",
    "mask_lossy": "a two-valued mask in a lossy format: values above 127 count",
    "mask_grey": "a two-valued mask with grey edges: values above 127 count",
    "mask_surrounds": "a mask of the corners and most of its image: if its background is white, invert it",
    "mask_empty": "a mask without a pixel: it says that nothing is there",
    "mask_of_regions": "one mask for a whole image: each connected region is an object, objects that touch are one",
    "image_inside": "an image that lies inside its annotation file: it is written as a file of its own",
    "labels_lost": "an image that has annotations, none of which could be taken over: kept as if it were empty",
    "splits_by_folder": "splits by the names of the folders: train, val (valid, validation, dev), test",
}

_MOST_EXAMPLES = 5


@dataclass(frozen=True)
class _Case:
    where: str
    detail: str


@dataclass
class Account:
    """Counts what is taken and what is left, each with its first cases."""

    _taken: Counter[Kind] = field(default_factory=Counter)
    _left: dict[Kind, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _skipped: dict[str, list[_Case]] = field(default_factory=dict)
    _noted: dict[str, list[_Case]] = field(default_factory=dict)
    _cases: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, kind: Kind, count: int = 1) -> None:
        """Counts what is taken over."""
        self._taken[kind] += count

    def leave(self, kind: Kind, code: str, count: int = 1) -> None:
        """Counts what is left behind; `code` is one of `SKIPPED`."""
        self._left[kind][code] += count

    def skip(self, code: str, where: str, detail: str, count: int = 1) -> None:
        """Records one or more cases of something that is left behind; `code` is one of `SKIPPED`."""
        self._record("skipped", self._skipped, code, _Case(where, detail), count)

    def note(self, code: str, where: str, detail: str, count: int = 1) -> None:
        """Records one or more cases of something that should be known; `code` is one of `NOTED`."""
        self._record("noted", self._noted, code, _Case(where, detail), count)

    def to_json(self) -> dict[str, Any]:
        """Returns `account`, `skipped` and `notes` as plain JSON values.

        `account` has a row {what, found, taken, left, why} for each kind that was found; `why` is code to count.
        `skipped` and `notes` are lists of {code, count, meaning, examples}, an example {where, detail}.
        """
        rows = []
        for kind in KINDS:
            taken, left = self._taken[kind], self._left[kind].total()
            if taken or left:
                why = dict(self._left[kind])
                rows.append({"what": kind, "found": taken + left, "taken": taken, "left": left, "why": why})
        return {
            "account": rows,
            "skipped": self._entries("skipped", self._skipped, SKIPPED),
            "notes": self._entries("noted", self._noted, NOTED),
        }

    def reasons(self) -> str:
        """Returns what was left behind as one line, each code with its count and first case."""
        return "; ".join(
            f"{self._cases['skipped', code]} x {code}, first {cases[0].where}: {cases[0].detail}"
            for code, cases in self._skipped.items()
        )

    def _record(self, which: str, cases: dict[str, list[_Case]], code: str, case: _Case, count: int) -> None:
        self._cases[which, code] += count
        examples = cases.setdefault(code, [])
        if len(examples) < _MOST_EXAMPLES:
            examples.append(_Case(shown(case.where), shown(case.detail)))

    def _entries(
        self, which: str, cases: Mapping[str, Sequence[_Case]], meanings: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        return [
            {
                "code": code,
                "count": self._cases[which, code],
                "meaning": meanings[code],
                "examples": [vars(example) for example in examples],
            }
            for code, examples in cases.items()
        ]


def counts_of(
    images: Sequence[Mapping[str, Any]], objects: Sequence[Mapping[str, Any]], class_names: Mapping[int, str]
) -> dict[str, Any]:
    """Counts COCO records: images, annotations, crowds; without crowds, boxes, masks and objects of each class; splits.

    Args:
        images: the records of images; `splits` is there where they name theirs.
        objects: the records of annotations.
        class_names: names by category id, in the order of the counts.
    """
    single = [record for record in objects if not record["iscrowd"]]
    per_class = Counter(class_names[record["category_id"]] for record in single)
    splits = Counter(image["split"] for image in images if "split" in image)
    return {
        "images": len(images),
        "annotations": len(objects),
        "crowds": len(objects) - len(single),
        "boxes": sum("bbox" in record for record in single),
        "masks": sum("segmentation" in record for record in single),
        "per_class": {name: per_class[name] for name in class_names.values()},
        **({"splits": dict(splits)} if splits else {}),
    }


def shown(text: str) -> str:
    """Returns text that UTF-8 can encode: other bytes of a file name are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
