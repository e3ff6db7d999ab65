"""Reads a COCO file that is to be merged, or says why it holds no objects that can be."""

from collections.abc import Mapping
from typing import Any

from gsam_edge.coco.geometry.shapes import whole_number
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.reading import SourceFiles, read_json
from gsam_edge.coco.table.references import shift, told


def read_document(files: SourceFiles, name: str, collector: Collector) -> Mapping[str, Any] | None:
    """Returns the content of a file; None, left behind, where it holds no objects of COCO."""
    try:
        document: Mapping[str, Any] = read_json(files, name)
    except (ValueError, OSError) as error:
        collector.leave_file(name, "file_unreadable", str(error))
        return None
    fault = _fault(document)
    if fault is None:
        collector.use(name)
        return document
    code, detail, count = fault
    collector.leave_file(name, code, detail, objects=count)
    return None


def _fault(document: Any) -> tuple[str, str, int] | None:
    """Returns code, detail and number of annotations of a file that holds no objects of COCO; None where it does."""
    rows = document.get("annotations") if isinstance(document, Mapping) else None
    first: Any = next((row for row in rows if isinstance(row, Mapping)), {}) if isinstance(rows, list) else {}
    if (
        isinstance(document, list)
        and document
        and all(isinstance(row, Mapping) and "image_id" in row for row in document)
    ):
        detail = "predictions: they name no images and classes"
    elif not isinstance(document, Mapping) or not isinstance(document.get("images"), list):
        return "file_not_used", "no COCO file: expected `images`, `annotations` and `categories`", 0
    elif not isinstance(rows, list):
        detail = "images without `annotations`"
    elif "segments_info" in first:
        detail = "COCO panoptic: its segments lie in PNG files"
    elif "caption" in first and "category_id" not in first:
        detail = "COCO captions: sentences, no objects"
    elif (shifted := _shifted(document)) is not None:
        return "references_shifted", shifted, len(rows)
    else:
        return None
    return "other_task", detail, len(rows) if isinstance(rows, list) else 0


def _shifted(document: Mapping[str, Any]) -> str | None:
    """Returns what shows that all references to images or classes miss by one; None where nothing does.

    New ids hide it from `data_validation`.
    """
    for key, kind, title in (("image_id", "images", "file_name"), ("category_id", "categories", "name")):
        records = document.get(kind)
        named = {
            number: str(row.get(title))
            for row in (records if isinstance(records, list) else [])
            if isinstance(row, Mapping) and isinstance(number := id_of(row.get("id")), int)
        }
        first = {
            id_of(row.get(key)): row.get("id") for row in reversed(document["annotations"]) if isinstance(row, Mapping)
        }
        used = [number for number in first if isinstance(number, int) and number in named]
        step = shift(key, used, first.keys() - named.keys(), named)
        if step and used:
            return told(key, first[used[-1]], used[-1], named, step)
    return None


def id_of(value: Any) -> int | str | None:
    """Returns an id as it is compared: a whole number in any form, or text."""
    number = whole_number(value)
    return number if number is not None else value if isinstance(value, str) else None
