"""Reads one of the small inputs that showed a fault through the public doors, and compares what came of it."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.coco import CocoValidation, InvalidDatasetError, validate
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.coco.importers import ImportConfig, import_annotations
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.imports import ForeignFolder
from support.coco_files import make_config

#: Where the small inputs lie, beside the checkout.
CASES = Path(__file__).parents[3].parent / "shared" / "cases" / "data"
#: How the inputs' made-up images show their objects: red is a scratch, green a dent.
_SHOWN_AS = {"scratch": (230, 40, 40), "dent": (40, 220, 60)}


@dataclass(frozen=True)
class Read:
    """What came of one input: a dataset with what was said of it, or the message that refused it.

    Attributes:
        objects: image name to objects (class, left, top, width, height) without crowds, sorted; images without objects
            included.
        masks: image name to (class, pixels) of the objects with a mask, without crowds, sorted.
        crowds: how many objects are crowd regions.
        splits: image name to split, where the images have one.
        said: all codes, meanings and examples, or the message, as one text.
        result: the import's report, or the validation; None where the input was refused.
    """

    folder: Path
    objects: dict[str, list[tuple[Any, ...]]]
    masks: dict[str, list[tuple[str, int]]]
    crowds: int
    splits: dict[str, str]
    said: str
    result: Any

    @property
    def refused(self) -> bool:
        """Whether the input was refused as a whole."""
        return self.result is None

    def says(self, *patterns: str) -> None:
        """Fails unless each pattern is found in what was said, without regard to case."""
        for pattern in patterns:
            assert re.search(pattern, self.said, re.IGNORECASE), f"expected a word on {pattern!r}, got: {self.said}"


def imported_case(folder: Path, format_name: str, class_names: dict[int, str] | None = None) -> Read:
    """Imports a folder's `input`."""
    source = ForeignFolder(folder / "input", max_pixels=10**8, max_bytes=10**8)
    try:
        config = ImportConfig(class_names=class_names or {}, labels_lost="drop", unlisted_images="empty")
        result = import_annotations(source, format_name, config)
    except InvalidDatasetError as error:
        return Read(folder, {}, {}, 0, {}, str(error), None)
    said = json.dumps([result.report["skipped"], result.report["notes"]], ensure_ascii=False)
    return _read(folder, result.content, said, result.report)


def validated_case(folder: Path) -> Read:
    """Checks a folder's `input/annotations.json` with the default policies."""
    source = folder / "input"
    content = json.loads((source / "annotations.json").read_text("utf-8"))
    files = ImageFolder(source, max_pixels=10**8)
    try:
        validation = validate(content, files, make_config(max_examples=5), source="annotations.json")
    except InvalidDatasetError as error:
        return Read(folder, {}, {}, 0, {}, str(error), None)
    said = json.dumps([finding.to_json() for finding in validation.findings], ensure_ascii=False)
    return _read(folder, validation.annotations.to_coco(), said, validation)


def _read(folder: Path, content: Any, said: str, result: Any) -> Read:
    images = {image["id"]: image for image in content["images"]}
    classes = {category["id"]: category["name"] for category in content["categories"]}
    objects: dict[str, list[tuple[Any, ...]]] = {image["file_name"]: [] for image in content["images"]}
    masks: dict[str, list[tuple[str, int]]] = {name: [] for name in objects}
    crowds = 0
    for record in content["annotations"]:
        image, name = images[record["image_id"]], classes[record["category_id"]]
        if record.get("iscrowd"):
            crowds += 1
            continue
        box = record.get("bbox")
        if record.get("segmentation"):
            mask = decode_segmentation(record["segmentation"], (image["height"], image["width"]))
            masks[image["file_name"]].append((name, int(mask.sum())))
            box = box or _around(record["segmentation"], mask)
        objects[image["file_name"]].append((name, *(round(float(v), 2) for v in box)))
    splits = {image["file_name"]: image["split"] for image in content["images"] if "split" in image}
    for values in (*objects.values(), *masks.values()):
        values.sort()
    return Read(folder, objects, masks, crowds, splits, said, result)


def _around(segmentation: Any, mask: NDArray[np.bool_]) -> tuple[float, ...]:
    """Returns the box around an object's polygons, or its mask's pixels."""
    if isinstance(segmentation, list):
        points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in segmentation])
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    else:
        rows, columns = np.nonzero(mask)
        left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return left, top, right - left, bottom - top


def findings(validation: CocoValidation) -> dict[tuple[str, str], int]:
    """Returns the counts of a validation's findings by code and policy."""
    return {(finding.code, finding.policy): finding.count for finding in validation.findings}


def must_be(read: Read, right: dict[str, list[tuple[Any, ...]]], *words: str, may_leave: frozenset[str] | None) -> None:
    """Fails unless the objects are the right ones on the right images, or are left out and said to be.

    Args:
        read: what came of the input.
        right: image name to its objects (class, left, top, width, height).
        words: patterns of what has to be said where something was left out.
        may_leave: the images that may be left out; None for all of them, as when the whole input is refused.
    """
    assert read.objects.keys() <= right.keys(), f"no such images: {read.objects.keys() - right.keys()}"
    for name, objects in read.objects.items():
        _same(objects, right[name], name)
    missing = right.keys() - read.objects.keys()
    assert may_leave is None or missing <= may_leave, f"left out: {sorted(missing - may_leave)}; {read.said}"
    if missing:
        read.says(*words)
    if not read.refused:
        account_must_add_up(read.result)
        counted = Counter(found[0] for objects in read.objects.values() for found in objects)
        assert {name: count for name, count in read.result["per_class"].items() if count} == dict(counted)


def _same(found: list[tuple[Any, ...]], right: list[tuple[Any, ...]], name: str) -> None:
    assert [o[0] for o in found] == [o[0] for o in sorted(right)], f"{name}: {found} for {right}"
    for one, other in zip(found, sorted(right), strict=True):
        assert all(abs(a - b) < 0.02 for a, b in zip(one[1:], other[1:], strict=True)), f"{name}: {found} for {right}"


def account_must_add_up(report: Any) -> None:
    """Fails unless each row says of everything found that it was taken or left, and why it was left."""
    rows = {row["what"]: row for row in report["account"]}
    for row in rows.values():
        assert row["found"] == row["taken"] + row["left"], row
        assert row["left"] == sum(row["why"].values()), row
    assert rows["images"]["taken"] == report["images"]
    assert rows["objects"]["taken"] == report["annotations"]
    assert {code for row in rows.values() for code in row["why"]} <= {entry["code"] for entry in report["skipped"]}


def objects_must_be_seen(read: Read) -> None:
    """Fails unless the middle of each box shows its class, as the images paint it, where no other object lies near."""
    for name, objects in read.objects.items():
        with Image.open(read.folder / "input" / name) as image:
            pixels = image.convert("RGB")
        for row, (class_name, left, top, width, height) in enumerate(objects):
            x, y = int(left + width / 2), int(top + height / 2)
            others = objects[:row] + objects[row + 1 :]
            if any(o[1] - 8 <= x <= o[1] + o[3] + 8 and o[2] - 8 <= y <= o[2] + o[4] + 8 for o in others):
                continue
            seen = pixels.getpixel((x, y))
            wanted = _SHOWN_AS[class_name]
            assert max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) < 40, (name, class_name, (x, y), seen)
