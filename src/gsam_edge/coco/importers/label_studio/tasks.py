"""Label Studio's tasks and its labelling interface, of labels as they are with candidates beside them.

https://labelstud.io/guide/predictions: places are in percent of the image. What is labelled comes as an annotation, to
be corrected; what the finders say as a prediction, a tab beside it, from which regions can be copied.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.coco.importers.label_studio.packed_runs import pack_runs

#: Names of the controls in the interface, by the kind of region.
_CONTROLS: Mapping[str, tuple[str, str]] = {
    "rectanglelabels": ("box", "RectangleLabels"),
    "polygonlabels": ("outline", "PolygonLabels"),
    "brushlabels": ("mask", "BrushLabels"),
}


def interface(class_names: Sequence[str]) -> str:
    """Returns the labelling interface (XML) with a label of every class for boxes, outlines and masks."""
    labels = "\n".join(f"    <Label value={quoteattr(name)}/>" for name in class_names)
    controls = "\n".join(
        f'  <{tag} name="{name}" toName="image">\n{labels}\n  </{tag}>' for name, tag in _CONTROLS.values()
    )
    image = '  <Image name="image" value="$image" zoom="true" zoomControl="true"/>'
    return f'<View>\n  <Header value="$why"/>\n{image}\n{controls}\n</View>\n'


def tasks(
    labels: Mapping[str, Any],
    candidates: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    folder: str,
) -> list[dict[str, Any]]:
    """Returns one task an image, in the order of the rows of a review.

    Args:
        labels: see `Review`.
        candidates: see `Review`.
        rows: see `Review`.
        folder: name of the folder of the images, in the one that Label Studio serves: it refuses to serve the images'
            own.
    """
    names = {category["id"]: category["name"] for category in labels["categories"]}
    image_of = {image["file_name"]: image for image in labels["images"]}
    of_labels, of_candidates = _by_image(labels["annotations"]), _by_image(candidates["annotations"])
    made = []
    for row in rows:
        image = image_of[row["file_name"]]
        place = "/data/local-files/?d=" + quote(f"{folder}/{row['file_name']}")
        told = of_candidates.get(image["id"], [])
        task: dict[str, Any] = {
            "data": {"image": place, "split": row["split"], "why": "; ".join(row["reasons"])},
            "annotations": [{"result": _regions(of_labels.get(image["id"], []), image, names, "label")}],
        }
        if told:
            score = max(record["score"] for record in told)
            regions = _regions(told, image, names, "candidate")
            task["predictions"] = [{"model_version": "candidates", "score": score, "result": regions}]
        made.append(task)
    return made


def _by_image(records: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        found.setdefault(record["image_id"], []).append(record)
    return found


def _regions(
    records: Sequence[Mapping[str, Any]], image: Mapping[str, Any], names: Mapping[int, str], prefix: str
) -> list[dict[str, Any]]:
    """Returns a region of each object; crowds, which Label Studio does not know, are left to the COCO file."""
    return [
        _region(record, image, names[record["category_id"]], f"{prefix}-{record['id']}")
        for record in records
        if not record.get("iscrowd")
    ]


def _region(record: Mapping[str, Any], image: Mapping[str, Any], name: str, region_id: str) -> dict[str, Any]:
    width, height = image["width"], image["height"]
    segmentation = record.get("segmentation")
    if not segmentation:
        left, top, across, down = record["bbox"]
        kind = "rectanglelabels"
        value: dict[str, Any] = {
            "x": 100 * left / width,
            "y": 100 * top / height,
            "width": 100 * across / width,
            "height": 100 * down / height,
            "rotation": 0,
        }
    elif isinstance(segmentation, Sequence) and len(segmentation) == 1:
        kind = "polygonlabels"
        flat = segmentation[0]
        points = [[100 * x / width, 100 * y / height] for x, y in zip(flat[::2], flat[1::2], strict=True)]
        value = {"points": points, "closed": True}
    else:  # several parts or holes, which an outline cannot say
        kind = "brushlabels"
        mask = decode_segmentation(segmentation, (height, width))
        rgba = np.repeat(mask.reshape(-1).astype(np.uint8) * 255, 4)
        value = {"format": "rle", "rle": pack_runs(rgba)}
    region: dict[str, Any] = {
        "id": region_id,
        "type": kind,
        "from_name": _CONTROLS[kind][0],
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {**value, kind: [name]},
    }
    return region if "score" not in record else region | {"score": record["score"]}
