"""Annotations as YOLO's text files."""

from pathlib import PurePosixPath
from typing import Any

import numpy as np
import yaml

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.mask_polygon import mask_polygon
from gsam_edge.coco.geometry.segmentation import decode_segmentation

#: Decimals of shares of the image: a hundredth of a pixel of an image of ten thousand.
_DECIMALS = 6


def yolo_text(annotations: Annotations) -> dict[str, str]:
    """Returns a text for each image, by the place of its label file.

    A line is `class x y width height` (the centre and size of the box) where there are no masks, and with them
    `class x0 y0 x1 y1 ...`, one closed polygon along the edges of the mask's pixels; all numbers but the class id are
    shares of the image (0..1). YOLO has one polygon for each object: parts and holes are joined by lines that are run
    along and back, which cover nothing. Crowds are left out.

    Args:
        annotations: images whose `file_name` begins with "images/", as Ultralytics wants it to find the labels.

    Raises:
        InvalidDatasetError: if two images would have one label file, which is named by the image without its suffix.
    """
    texts: dict[str, str] = {}
    image_of: dict[str, str] = {}
    for image in annotations.images:
        name = str(image["file_name"])
        place = str(PurePosixPath("labels", *PurePosixPath(name).parts[1:]).with_suffix(".txt"))
        if place in texts:
            raise InvalidDatasetError(
                f"YOLO labels: expected images whose names differ in more than their suffix, got {image_of[place]!r} "
                f"and {name!r}, which would share {place}; rename one of them"
            )
        texts[place], image_of[place] = "".join(_lines(annotations, image)), name
    return texts


def data_yaml(class_names: tuple[str, ...]) -> str:
    """Returns Ultralytics' `data.yaml` of a folder with `images` and `labels`, for these classes by class id."""
    names = dict(enumerate(class_names))
    content = {"path": ".", "train": "images", "val": "images", "names": names}
    note = "# `val` is the same folder, since Ultralytics asks for one: name images there that a person labelled.\n"
    return note + yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def _lines(annotations: Annotations, image: Any) -> list[str]:
    """Returns a line for each object of an image; see `yolo_text`."""
    truth = annotations.truth(image["id"], masks=False)
    size = np.array([image["width"], image["height"]], np.float64)
    records = [one for one in annotations.objects_of_image[image["id"]] if not one.get("iscrowd")]
    lines = []
    for record, class_id, box in zip(records, truth.class_ids.tolist(), truth.xyxy.astype(np.float64), strict=True):
        mask = record.get("segmentation")
        polygon = mask_polygon(decode_segmentation(mask, (image["height"], image["width"]))) if mask else None
        if polygon is None:
            shares = np.concatenate([(box[:2] + box[2:]) / 2 / size, (box[2:] - box[:2]) / size])
        else:
            shares = (polygon / size).ravel()
        lines.append(" ".join([str(class_id), *(f"{share:.{_DECIMALS}f}" for share in shares.tolist())]) + "\n")
    return lines
