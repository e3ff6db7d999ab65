"""Files in memory and examples of other formats, for the tests of the importers."""

import io
import json

import numpy as np
from PIL import Image

from gsam_edge.coco.importers import ImportConfig, import_annotations
from gsam_edge.vision.images import ImageError, MissingImageError

SIZE = (40, 50)


class Files:
    """Files in memory; images are of 40 x 50 pixels (height x width) unless their size is given."""

    max_pixels = 1_000_000

    def __init__(self, contents, sizes=None):
        self.contents = {name: c.encode() if isinstance(c, str) else c for name, c in contents.items()}
        self.sizes = sizes or {}

    def names(self):
        return sorted(self.contents)

    def links_outside(self):
        return []

    def image_names(self):
        return [name for name in self.names() if name.endswith((".png", ".jpg"))]

    def read(self, name):
        return self.contents[name]

    def image_size(self, name):
        if name not in self.contents:
            raise MissingImageError(f"no file {name}")
        if self.contents[name] == b"broken":
            raise ImageError("no image")
        return self.sizes.get(name, SIZE)


def imported(format_name, contents, class_names=None, sizes=None, labels_lost="drop", unlisted_images="empty"):
    config = ImportConfig(class_names=class_names or {}, labels_lost=labels_lost, unlisted_images=unlisted_images)
    result = import_annotations(Files(contents, sizes), format_name, config)
    assert json.loads(json.dumps(result.content)) == result.content
    assert json.loads(json.dumps(result.report)) == result.report
    for row in result.report["account"]:
        assert row["found"] == row["taken"] + row["left"] == row["taken"] + sum(row["why"].values())
    return result


def skipped(result):
    return {entry["code"]: entry["count"] for entry in result.report["skipped"]}


def noted(result):
    return {entry["code"]: entry["count"] for entry in result.report["notes"]}


def accounted(result):
    return {row["what"]: (row["found"], row["taken"], row["why"]) for row in result.report["account"]}


def objects_per_image(result):
    """Returns how many objects each image has."""
    names = {image["id"]: image["file_name"] for image in result.content["images"]}
    counts = dict.fromkeys(names.values(), 0)
    for record in result.content["annotations"]:
        counts[names[record["image_id"]]] += 1
    return counts


def png(mask):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(mask, np.uint8) * 255).save(buffer, "PNG")
    return buffer.getvalue()


VOC = """<annotation><filename>{name}</filename><size><width>50</width><height>40</height><depth>3</depth></size>
{objects}</annotation>"""
OBJECT = """<object><name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>12.5</ymax></bndbox>{more}</object>"""

YAML = "path: ../data\ntrain: images/train\nval: images/val\nnames: {0: bag, 3: wire}\n"


def shape(kind, points, **more):
    return {"label": "bag", "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def labelme(*shapes, **more):
    return json.dumps(
        {"imagePath": "a.jpg", "imageHeight": 40, "imageWidth": 50, "shapes": shapes, "imageData": None} | more
    )
