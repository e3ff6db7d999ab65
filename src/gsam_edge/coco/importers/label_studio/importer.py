"""Label Studio: JSON and JSON-MIN exports, a list of tasks with an image, its annotations and their regions."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gsam_edge.coco.geometry.shapes import brief, is_text
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.label_studio.regions import Region, declared_hw, geometry, has_area, region_of
from gsam_edge.coco.importers.listed import Finder, Listed, refuse
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.reading import SourceFiles, read_json, with_suffix

#: What Label Studio puts before the name of an uploaded file.
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
_IMAGE = re.compile(r"\.(bmp|gif|jpe?g|jp2|png|pp?m|pgm|tiff?|webp)$", re.IGNORECASE)


@dataclass
class _Task:
    """An image with its annotations that were submitted; each is a list of regions."""

    entry: Listed
    annotations: list[list[Region]] = field(default_factory=list)
    is_truth: list[bool] = field(default_factory=list)


def import_label_studio(files: SourceFiles, *, labels_lost: LabelsLost, may_be_empty: bool = False) -> Imported:
    """Imports Label Studio: rectangles as boxes; turned ones, polygons, ellipses and brush masks as segmentations.

    Of an image that several people labelled, the annotation marked as ground truth is taken; where there is none and
    they differ, the image is left out. Cancelled annotations, drafts and predictions are not taken.
    """
    collector = Collector(files, labels_lost=labels_lost, may_be_empty=may_be_empty)
    names = list(with_suffix(files, ".json"))
    tasks: list[_Task] = []
    for name, document in collector.parsed(names, read_json):
        rows = document if isinstance(document, list) else [document]
        if any(isinstance(row, Mapping) and _is_task(row) for row in rows):
            collector.use(name)
            tasks += _tasks(collector, rows, name)
        else:
            collector.leave_file(name, "file_not_used", "no list of tasks of Label Studio")
    finder = Finder(files.image_names(), names)
    for task, found in zip(tasks, finder.find_all([task.entry for task in tasks]), strict=True):
        regions = _chosen(collector, task, found)
        if regions is not None and isinstance(found, str):
            _add_image(collector, found, regions, task.entry.where)
    return collector.finish("label_studio", index=finder.index)


def _is_task(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("data"), Mapping) or "annotation_id" in row


def _tasks(collector: Collector, rows: Sequence[Any], name: str) -> Iterator[_Task]:
    """Yields the tasks of a file; rows of JSON-MIN with one task id are the annotations of one task."""
    small: dict[Any, _Task] = {}
    for row, item in enumerate(rows):
        where = f"{name}: task {brief(item.get('id', row)) if isinstance(item, Mapping) else row}"
        if not isinstance(item, Mapping) or not _is_task(item):
            collector.skip("element_not_used", where, f"expected a task with data, got {brief(item)}")
        elif isinstance(item.get("data"), Mapping):
            task = _Task(Listed(name, where, _names(item["data"], item.get("file_upload"))))
            _read_annotations(collector, task, item)
            yield task
        else:
            key = repr(item.get("id", f"row {row}"))
            task = small.setdefault(key, _Task(Listed(name, where, _names(item, None))))
            values = [value for answers in item.values() if isinstance(answers, list) for value in answers]
            regions = [region_of(value) for value in values]
            task.annotations.append([region for region in regions if region is not None])
            task.is_truth.append(False)
            if None in regions:
                collector.skip("element_not_used", where, f"an answer: {brief(values[regions.index(None)])}")
    yield from small.values()


def _read_annotations(collector: Collector, task: _Task, item: Mapping[str, Any]) -> None:
    annotations = item.get("annotations", item.get("completions"))
    where = task.entry.where
    for row, annotation in enumerate(annotations if isinstance(annotations, list) else []):
        results = annotation.get("result") if isinstance(annotation, Mapping) else None
        if not isinstance(results, list):
            collector.skip(
                "element_not_used", f"{where}, annotation {row}", f"expected results, got {brief(annotation)}"
            )
            continue
        regions = _regions(collector, results, f"{where}, annotation {row}")
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            collector.account.leave("objects", "annotation_cancelled", len(regions))
            collector.account.skip("annotation_cancelled", f"{where}, annotation {row}", f"{len(regions)} regions")
        else:
            task.annotations.append(regions)
            task.is_truth.append(annotation.get("ground_truth") is True)
    for kind in ("drafts", "predictions"):
        if isinstance(item.get(kind), list) and item[kind]:
            collector.skip("element_not_used", where, f"{len(item[kind])} {kind}")


def _regions(collector: Collector, results: Sequence[Any], where: str) -> list[Region]:
    """Joins the results of each region; what belongs to no region is an answer about the whole image, or a relation."""
    regions: dict[Any, Region] = {}
    for row, result in enumerate(results):
        value = result.get("value") if isinstance(result, Mapping) else None
        if not isinstance(value, Mapping):
            kind = brief(result.get("type")) if isinstance(result, Mapping) else brief(result)
            collector.skip("element_not_used", f"{where}, result {row}", f"no value: {kind}")
            continue
        found = region_of(value)
        key = repr(result.get("id", row))
        if found is None:
            if key in regions:
                regions[key].attributes[str(result.get("from_name"))] = value
            else:
                collector.skip("element_not_used", f"{where}, result {row}", f"an answer: {brief(dict(value))}")
            continue
        region = regions.setdefault(key, found)
        region.labels = region.labels or found.labels
        region.declared_hw = declared_hw(result) or region.declared_hw
        region.turned = result.get("image_rotation", 0)
    return list(regions.values())


def _names(data: Mapping[str, Any], upload: Any) -> tuple[str, ...]:
    """Returns what the image of a task may be called: by its path, and without the prefix of an upload."""
    texts = [value for value in data.values() if is_text(value)]
    paths = {_path(text) for text in texts}
    images = sorted(path for path in paths if _IMAGE.search(path))
    if len(images) != 1:  # several images of one task: nothing says which of them a region is on
        return ()
    path, uploaded = images[0], [upload] if is_text(upload) else []
    if "upload" in path.split("/"):
        uploaded.append(path)
    plain = [posixpath.join(posixpath.dirname(name), _UPLOADED.sub("", posixpath.basename(name))) for name in uploaded]
    return tuple(dict.fromkeys([path, *uploaded, *plain]))


def _path(text: str) -> str:
    """Returns the path in a URL, or in the query of Label Studio's own links to local files."""
    try:
        url = urlsplit(text.replace("\\", "/"))
    except ValueError:
        return text
    if url.path.endswith("/local-files/"):
        return (parse_qs(url.query).get("d") or [""])[0]
    is_link = bool(url.netloc) or text.startswith("/data/")
    return f"{url.netloc}{unquote(url.path)}" if is_link else text


def _chosen(collector: Collector, task: _Task, found: str | Refusal) -> list[Region] | None:
    """Returns the regions of the annotation that is taken; None, with the reason, where none is."""
    where, count = task.entry.where, sum(map(len, task.annotations))
    if isinstance(found, Refusal):
        refuse(collector, task.entry, found, count)
        return None
    if not task.annotations:
        return None  # nobody labelled it: `Collector` leaves it out as not annotated
    said = [json.dumps([vars(region) for region in regions], sort_keys=True) for regions in task.annotations]
    truths = [row for row, is_truth in enumerate(task.is_truth) if is_truth]
    if len(set(said)) > 1 and len(truths) != 1:
        collector.account.leave("objects", "annotators_differ", count)
        detail = f"{len(said)} annotations with {' and '.join(str(len(r)) for r in task.annotations)} regions"
        collector.account.skip("annotators_differ", where, f"{detail}, none marked as ground truth")
        collector.lose_labels(found, f"{where}: {detail}")
        return None
    chosen = truths[0] if len(truths) == 1 else 0
    others = count - len(task.annotations[chosen])
    if len(task.annotations) > 1:
        code = "object_twice" if len(set(said)) == 1 else "annotators_differ"
        collector.account.leave("objects", code, others)
        collector.account.skip(code, where, f"annotation {chosen} of {len(said)} is taken, not {others} other regions")
    return task.annotations[chosen]


def _add_image(collector: Collector, image_name: str, regions: Sequence[Region], where: str) -> None:
    sizes = [region.declared_hw for region in regions if region.declared_hw]
    image = collector.add_image(image_name, sizes[0] if sizes else None)
    for row, region in enumerate(regions):
        place = f"{where}, region {row}"
        if image is None:
            collector.account.leave("objects", "image_unreadable")
            continue
        if not has_area(region.value):
            collector.lose_object(image, "shape_without_area", place, brief(dict(region.value)))
            continue
        try:
            shape = geometry(
                region, (image["height"], image["width"]), has_size_of_file=collector.has_size_of_file(image)
            )
            if len(region.labels) != 1 or not is_text(region.labels[0]):
                raise ValueError(f"expected one label, got {brief(list(region.labels))}")
        except ValueError as error:
            collector.lose_object(image, "object_malformed", place, str(error))
            continue
        if "radiusX" in region.value:
            collector.note(
                "ellipse", place, f"at {brief(region.value.get('x'))}, {brief(region.value.get('y'))} percent"
            )
        elif "height" in region.value and "segmentation" in shape:
            collector.note("rotated", place, f"by {region.value.get('rotation')} degrees")
        extra = {"attributes": region.attributes} if region.attributes else {}
        collector.add_object(image, region.labels[0].strip(), **shape, **extra)
