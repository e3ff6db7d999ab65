"""Checks a COCO file of any content and returns sound annotations, with the outcome of every record."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.checks.categories import CategoryCheck, check_categories
from gsam_edge.coco.checks.findings import Case, Finding, Ledger, Tally
from gsam_edge.coco.checks.images import ImageCheck, check_images
from gsam_edge.coco.checks.layouts import layout_of
from gsam_edge.coco.checks.losses import Losses
from gsam_edge.coco.checks.objects import check_objects
from gsam_edge.coco.checks.one_object import ObjectCheck
from gsam_edge.coco.checks.table import ValidationConfig
from gsam_edge.coco.checks.whole.crowds import crowds_as_objects
from gsam_edge.coco.checks.whole.look import read_as_meant
from gsam_edge.coco.checks.whole.shifts import look_at_references
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.coco.table.gc_pause import gc_paused
from gsam_edge.coco.table.records import JsonRecords

_LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class CocoValidation:
    """A checked COCO file.

    Attributes:
        annotations: the sound annotations: ids are unique whole numbers, references exist, sizes are those of the
            files, boxes and polygons stay within their image, every object has a box or a mask.
        findings: what was wrong and what was done, in the order of `CHECKS`.
        images: counts of what became of the image records.
        objects: counts of what became of the annotation records.
        image_facts: image ids to facts of their decoded files; empty where only headers were read.
    """

    annotations: Annotations
    findings: tuple[Finding, ...]
    images: Tally
    objects: Tally
    image_facts: Mapping[int, ImageFacts]


def validate(
    content: Any,
    files: ImageFiles,
    config: ValidationConfig,
    *,
    source: str,
    seen: MutableMapping[str, Any] | None = None,
) -> CocoValidation:
    """Checks a COCO file and the images it names.

    Args:
        content: the file's JSON value of any form; never changed.
        files: the images, by `file_name`.
        config: the policies and thresholds.
        source: the file's name in messages.
        seen: keeps the scan of the images, so that an interrupted check continues (see `scan_images`).

    Returns:
        The usable annotations, in the file's order; records in which nothing was wrong are the file's own. Each record
        of the file is counted once, as kept, fixed or dropped; a dropped one is in one finding.

    Raises:
        InvalidDatasetError: if the content is no COCO structure, holds nothing usable, or has a fault with the
            policy `error`. Where it is a known layout of another kind, the message says so.
    """
    try:
        return _validated(content, files, config, source, {} if seen is None else seen)
    except InvalidDatasetError as error:
        layout = layout_of(content)
        if layout is None or layout.name == "COCO":
            raise
        raise InvalidDatasetError(f"{error}\n{layout}") from error


def _validated(
    content: Any, files: ImageFiles, config: ValidationConfig, source: str, seen: MutableMapping[str, Any]
) -> CocoValidation:
    raw = _structure(content, source)
    ledger = Ledger(config, source)
    categories = check_categories(raw["categories"], ledger)
    images = check_images(
        raw["images"], files, ledger, objects=raw["annotations"], decode=config.decode_images, seen=seen
    )
    check = ObjectCheck(images, categories, ledger, config.area_tolerance)
    with gc_paused():
        meant, changed = read_as_meant(raw["annotations"], images, ledger)
        objects, outcomes = check_objects(meant, check)
    if not objects:
        total = len(raw["annotations"])
        raise InvalidDatasetError(
            f"{source}: expected at least one usable annotation, got none of {total} {ledger.lost()}"
        )
    rest = {key: value for key, value in raw.items() if key not in _LISTS}
    found = Annotations(tuple(images.records.values()), objects, tuple(categories.records.values()), rest)
    listed = {
        "image_id": {image_id: record["file_name"] for image_id, record in images.records.items()}
        | dict.fromkeys(images.lost, "an image that was dropped"),
        "category_id": {category_id: record["name"] for category_id, record in categories.records.items()},
    }
    look_at_references(found, check.unknown, listed, ledger)
    found, objects_of_crowds = crowds_as_objects(found, config.largest_crowd_share, ledger)
    if found.columns.is_crowd.all():
        raise InvalidDatasetError(
            f"{source}: expected at least one annotation of a single object, got {len(objects)} crowds (iscrowd is 1), "
            f"which are neither trained on nor measured; the first is {brief(dict(found.objects[0]))}. A mask tool "
            "such as CVAT's brush may have written them: validation.policies.many_crowds=fix makes them objects"
        )
    check.losses.check_task(found, ledger)
    if len(objects_of_crowds):
        left = np.flatnonzero([outcome != "dropped" for outcome in outcomes])
        changed |= set(left[objects_of_crowds].tolist())
    for row in changed:
        outcomes[row] = "fixed" if outcomes[row] == "kept" else outcomes[row]
    annotations = replace(
        found,
        images=_images_with_annotations(images, found, check.losses),
        categories=_used_categories(categories, found),
    )
    facts = {image["id"]: images.facts[image["id"]] for image in annotations.images if image["id"] in images.facts}
    return CocoValidation(annotations, ledger.findings(), Tally.of(images.outcomes), Tally.of(outcomes), facts)


def _structure(content: Any, source: str) -> Mapping[str, Any]:
    """Checks that the content holds the three lists of a COCO file, none of them empty, and returns it."""
    if not isinstance(content, Mapping):
        raise InvalidDatasetError(f"{source}: expected a COCO mapping with {', '.join(_LISTS)}, got {brief(content)}")
    for name in _LISTS:
        records = content.get(name)
        if not isinstance(records, list | JsonRecords):
            arrived = f"keys {brief(sorted(content))}" if name not in content else f"{name}: {brief(records)}"
            raise InvalidDatasetError(f"{source}: expected a list under {name!r}, got {arrived}")
        if not records:
            raise InvalidDatasetError(f"{source}: expected at least one record under {name!r}, got an empty list")
    return content


def _images_with_annotations(images: ImageCheck, found: Annotations, losses: Losses) -> tuple[Mapping[str, Any], ...]:
    ids = np.fromiter(images.records, np.int64, len(images.records))
    is_annotated = np.isin(ids, found.columns.image_id).tolist()
    kept = []
    for (image_id, record), annotated in zip(images.records.items(), is_annotated, strict=True):
        row, case = images.places[image_id], images.cases[image_id]
        if not annotated and (dropped_for := _dropped_as_bare(case, image_id, losses)):
            images.outcomes[row] = case.drop(*dropped_for)
            continue
        images.outcomes[row] = case.close()
        kept.append(record)
    return tuple(kept)


def _dropped_as_bare(case: Case, image_id: int, losses: Losses) -> tuple[str, str] | None:
    """Returns code and detail for which an image without annotations is dropped; None where it stays."""
    code, detail = "image_without_annotations", "no annotation was there"
    if image_id not in losses.labels:
        return (code, detail) if case.fault(code, detail) == "drop" else None
    told = losses.told(image_id)
    if case.fault("labels_lost", told) == "drop":
        return "labels_lost", told
    # Kept, it is an image without annotations to whoever wants none.
    return (code, told) if case.policy(code, told) == "drop" else None


def _used_categories(categories: CategoryCheck, found: Annotations) -> tuple[Mapping[str, Any], ...]:
    ids = np.fromiter(categories.records, np.int64, len(categories.records))
    is_used = np.isin(ids, found.columns.category_id).tolist()
    kept = []
    for (category_id, record), used in zip(categories.records.items(), is_used, strict=True):
        code, detail = "category_unused", f"{brief(record['name'])} has no annotation"
        case = categories.cases[category_id]
        if not used and case.fault(code, detail) == "drop":
            case.drop(code, detail)
            continue
        case.close()
        kept.append(record)
    return tuple(kept)
