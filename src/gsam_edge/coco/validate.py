"""From whatever a COCO file holds to annotations that can be trusted, with an account of every record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.check_categories import CategoryCheck, check_categories
from gsam_edge.coco.check_images import ImageCheck, ImageFiles, check_images
from gsam_edge.coco.check_objects import ObjectCheck
from gsam_edge.coco.checks import ValidationConfig
from gsam_edge.coco.errors import DatasetError
from gsam_edge.coco.findings import Case, Finding, Ledger, Tally
from gsam_edge.coco.shapes import brief

_LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class Validation:
    """A checked COCO file.

    Attributes:
        annotations: what is left: ids are unique whole numbers, references exist, sizes are those of the files, boxes
            and polygons stay within their image, every object has a box or a mask.
        findings: what was wrong and what was done, in the order of `CHECKS`.
        images: the audit of the image records.
        objects: the audit of the annotation records.
    """

    annotations: Annotations
    findings: tuple[Finding, ...]
    images: Tally
    objects: Tally


def validate(content: Any, files: ImageFiles, config: ValidationConfig, *, source: str) -> Validation:
    """Checks a COCO file and the images it names.

    Args:
        content: the file's JSON value, whatever it is; never changed.
        files: the images, by `file_name`.
        config: what to do about which fault.
        source: what to call the file in messages.

    Returns:
        The usable annotations, in the file's order; records in which nothing was wrong are the file's own. Each record
        of the file is counted once, as kept, fixed or dropped; a dropped one stands in one finding.

    Raises:
        DatasetError: if the content is no COCO structure, holds nothing usable, or has a fault whose policy is `error`.
    """
    raw = _structure(content, source)
    ledger = Ledger(config, source)
    categories = check_categories(raw["categories"], ledger)
    images = check_images(raw["images"], files, ledger, decode=config.decode_images)
    objects = ObjectCheck(images, categories, ledger, config.area_tolerance)
    objects.run(raw["annotations"])
    if not objects.records:
        reasons = ", ".join(f"{finding.code} {finding.count}" for finding in ledger.findings())
        total = len(raw["annotations"])
        raise DatasetError(f"{source}: expected at least one usable annotation, got none of {total} ({reasons})")
    image_records = _images_with_annotations(images, objects, ledger)
    category_records = _used_categories(categories, objects, ledger)
    rest = {key: value for key, value in content.items() if key not in _LISTS}
    return Validation(
        Annotations(image_records, tuple(objects.records), category_records, rest),
        ledger.findings(),
        Tally.of(images.outcomes),
        Tally.of(objects.outcomes),
    )


def _structure(content: Any, source: str) -> Mapping[str, list[Any]]:
    """The three lists of a COCO file, none of them empty."""
    if not isinstance(content, Mapping):
        raise DatasetError(f"{source}: expected a COCO mapping with {', '.join(_LISTS)}, got {brief(content)}")
    for name in _LISTS:
        records = content.get(name)
        if not isinstance(records, list):
            arrived = f"keys {brief(list(content))}" if name not in content else f"{name}: {brief(records)}"
            raise DatasetError(f"{source}: expected a list under {name!r}, got {arrived}")
        if not records:
            raise DatasetError(f"{source}: expected at least one record under {name!r}, got an empty list")
    return content


def _images_with_annotations(images: ImageCheck, objects: ObjectCheck, ledger: Ledger) -> tuple[Mapping[str, Any], ...]:
    annotated = {record["image_id"] for record in objects.records}
    kept = []
    for image_id, record in images.records.items():
        row = images.places[image_id]
        code, detail = "image_without_annotations", "no annotation is left, or none was there"
        case = Case(ledger, f"images[{row}]", id=image_id, file_name=record["file_name"])
        if image_id not in annotated and case.fault(code, detail) == "drop":
            images.outcomes[row] = case.drop(code, detail)
            continue
        case.close()
        kept.append(record)
    return tuple(kept)


def _used_categories(categories: CategoryCheck, objects: ObjectCheck, ledger: Ledger) -> tuple[Mapping[str, Any], ...]:
    used = {record["category_id"] for record in objects.records}
    kept = []
    for category_id, record in categories.records.items():
        code, detail = "category_unused", f"{brief(record['name'])} has no annotation"
        case = Case(ledger, categories.places[category_id], id=category_id)
        if category_id not in used and case.fault(code, detail) == "drop":
            case.drop(code, detail)
            continue
        case.close()
        kept.append(record)
    return tuple(kept)
