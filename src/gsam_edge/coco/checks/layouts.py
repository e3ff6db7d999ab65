"""Recognises what else a JSON file may be, where it is no COCO file of boxes and masks, and says what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layout:
    """One layout of JSON annotations.

    Attributes:
        name: what it is called.
        sign: by what it is recognised, in words.
        advice: what to do with such a file.
        is_it: whether the JSON value of a file has it.
        importer: the name of its format for `import_dataset`, None where there is none.
    """

    name: str
    sign: str
    advice: str
    is_it: Callable[[Any], bool]
    importer: str | None = None

    def __str__(self) -> str:
        """Returns what it is, by what that is known, and what to do."""
        return f"This looks like {self.name}: {self.sign}. {self.advice}"


def layout_of(content: Any) -> Layout | None:
    """Returns the layout of a JSON value; None where none of the known ones."""
    return next((layout for layout in LAYOUTS if layout.is_it(content)), None)


def _first(content: Any, key: str | None = None) -> Mapping[str, Any]:
    """Returns the first record of a list, or of the list under a key of a mapping; empty where there is none."""
    records = content if key is None else content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(records, Sequence) or isinstance(records, str | bytes) or not len(records):
        return {}
    return records[0] if isinstance(records[0], Mapping) else {}


def _has(record: Mapping[str, Any], *keys: str) -> bool:
    return all(key in record for key in keys)


def _is_shapeless(content: Any, key: str) -> bool:
    """Whether the first annotation has a key, and neither a box nor a mask."""
    record = _first(content, "annotations")
    return key in record and not (record.get("bbox") or record.get("segmentation"))


def _has_regions(content: Any) -> bool:
    """Whether a mapping, or the one under VIA's own key, holds files with regions."""
    files = content.get("_via_img_metadata", content) if isinstance(content, Mapping) else {}
    records = list(files.values())[:1] if isinstance(files, Mapping) else []
    return any(isinstance(record, Mapping) and _has(record, "filename", "regions") for record in records)


_INSTANCES = "Give a file of instances: its annotations have image_id, category_id and a bbox or a segmentation"
_EXPORT = "Export it as COCO (instances) from that tool"
_IMPORT = "Import it: kedro run --pipeline=import_dataset --params=source=path/to/folder,format="

#: The layouts, COCO's own relatives first.
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "COCO panoptic", "its annotations hold segments_info and the file_name of a PNG",
        "All masks of an image lie in that PNG: convert the file to COCO instances, for example with "
        "panoptic2detection_coco_format.py of panopticapi",
        lambda content: _has(_first(content, "annotations"), "segments_info"),
    ),
    Layout(
        "COCO captions", "its annotations hold a caption, and no box or mask", _INSTANCES,
        lambda content: _is_shapeless(content, "caption"),
    ),
    Layout(
        "COCO keypoints without boxes", "its annotations hold keypoints, and no box or mask", _INSTANCES,
        lambda content: _is_shapeless(content, "keypoints"),
    ),
    Layout(
        "LVIS", "its images have a coco_url in place of a file_name",
        "Add to each image the file_name: the last two parts of its coco_url, such as train2017/000000391895.jpg",
        lambda content: "coco_url" in _first(content, "images") and "file_name" not in _first(content, "images"),
    ),
    Layout(
        "a list of detections", "it is a bare list of records with image_id and category_id",
        "COCO's evaluation reads a model's answers so: they are no ground truth. Where these are labels, put the list "
        "under 'annotations' beside the 'images' and 'categories' that it refers to",
        lambda content: _has(_first(content), "image_id", "category_id"),
    ),
    Layout(
        "LabelMe", "it holds shapes and an imagePath",
        f"It has one file for each image. {_IMPORT}labelme",
        lambda content: isinstance(content, Mapping) and _has(content, "shapes", "imagePath"), importer="labelme",
    ),
    Layout(
        "Datumaro", "it holds items and categories", f"{_IMPORT}datumaro",
        lambda content: isinstance(content, Mapping) and _has(content, "items", "categories"), importer="datumaro",
    ),
    Layout(
        "Supervisely", "it holds objects and a size", f"It has one file for each image. {_IMPORT}supervisely",
        lambda content: isinstance(content, Mapping) and _has(content, "objects", "size"), importer="supervisely",
    ),
    Layout("VGG Image Annotator (VIA)", "it holds files with regions", _EXPORT, _has_regions),
    Layout(
        "Label Studio", "it is a list of tasks with data and annotations", f"{_IMPORT}label_studio",
        lambda content: _has(_first(content), "data") and bool({"annotations", "completions"} & _first(content).keys()),
        importer="label_studio",
    ),
    Layout(
        "CreateML", "it is a list of images with annotations", _EXPORT,
        lambda content: _has(_first(content), "image", "annotations"),
    ),
    # Last, because its relatives hold the same lists.
    Layout(
        "COCO", "it holds images, annotations and categories", "Import it",
        lambda content: isinstance(content, Mapping) and _has(content, "images", "annotations"), importer="coco",
    ),
)  # fmt: skip
