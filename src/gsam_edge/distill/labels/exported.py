"""The teachers' labels of images that no person labelled, as a dataset of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import rle_areas, rle_to_json
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.coco.yolo_text import data_yaml, yolo_text
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.gate import fit_gate
from gsam_edge.distill.labels.gated import gated
from gsam_edge.distill.labels.labelling import require_labels_of
from gsam_edge.distill.labels.pool import UNLABELLED
from gsam_edge.vision.boxes import xyxy_to_xywh


@dataclass(frozen=True)
class ExportedLabels:
    """A dataset of images and labels.

    Attributes:
        content: COCO, each image's `file_name` as in `sources`.
        texts: other files of the dataset by their place: YOLO's labels and `data.yaml`.
        sources: the place of each image in the dataset, to its name in the pool (see `PooledImages`).
        report: `images`, `objects`, `ignored` labels that were left out, and the images that were `left_out`, by name
            with the ignored share (0..1) of their area.
    """

    content: dict[str, Any]
    texts: Mapping[str, str]
    sources: Mapping[str, str]
    report: dict[str, Any]


def exported_labels(
    pool: Annotations,
    labels: Predictions,
    val: Annotations,
    labels_val: Predictions,
    config: LabellingConfig,
    *,
    no_pool: str | None,
) -> ExportedLabels:
    """Returns the labels that the gate takes for objects; neither COCO nor YOLO can say that a place is ignored.

    Args:
        pool: the images.
        labels: the teachers' labels of them.
        val: the validation images with their truth, on which the gate is fitted.
        labels_val: the teachers' labels of those.
        config: how labels are matched and gated.
        no_pool: why there are no such images, where there are none.

    Raises:
        InvalidDatasetError: if there are none, or labels are those of other images or classes.
    """
    if not pool.images:
        raise InvalidDatasetError(
            f"export_labels: expected images that the teachers labelled, got none: {no_pool}. They label those of the "
            "dataset's folder `unlabelled` and those that split.labels holds back; then run distillation"
        )
    require_labels_of(pool, labels, what="teacher_labels_pool")
    require_labels_of(val, labels_val, what="teacher_labels_val")
    gate = fit_gate(val, labels_val, config.gate, match_iou=config.match_iou)
    passed = gated(labels, gate, config.gate, split=pool)
    images = [image for image in pool.images if image["id"] in passed.objects]
    place_of = {image["id"]: _place(image["file_name"]) for image in images}
    category_ids = [category["id"] for category in pool.categories]
    records: list[dict[str, Any]] = []
    for image in images:
        kept = passed.objects[image["id"]].select(~passed.weights[image["id"]].ignored)
        for record in _records(kept, category_ids):
            records.append({"id": len(records) + 1, "image_id": image["id"], **record})
    numbered = tuple({**image, "file_name": place_of[image["id"]]} for image in images)
    dataset = Annotations(numbered, tuple(records), pool.categories)
    report = {
        "images": len(images),
        "objects": len(records),
        "ignored": passed.counts.ignored,
        "left_out": dict(passed.left_out),
    }
    texts = {**yolo_text(dataset), "data.yaml": data_yaml(dataset.class_names)}
    sources = {place_of[image["id"]]: str(image["file_name"]) for image in images}
    return ExportedLabels(dataset.to_coco(), texts, sources, report)


def _place(pooled_name: str) -> str:
    """Returns where an image of the pool lies in the dataset: apart, so that no two have one name."""
    if pooled_name.startswith(UNLABELLED):
        return str(PurePosixPath("images/unlabelled", pooled_name.removeprefix(UNLABELLED)))
    return str(PurePosixPath("images/held_back", pooled_name))


def _records(found: PackedDetections, category_ids: list[int]) -> Iterator[dict[str, Any]]:
    """Yields COCO records without ids: box, area, score and, where there is one, the mask."""
    detections = found.unmasked
    areas = rle_areas(found.rles).tolist() if found.rles else [None] * len(found)
    rows = zip(xyxy_to_xywh(detections.xyxy).tolist(), detections.scores.tolist(), strict=True)
    for row, (box, score) in enumerate(rows):
        record: dict[str, Any] = {
            "category_id": category_ids[int(detections.class_ids[row])],
            "bbox": box,
            "area": areas[row] or box[2] * box[3],
            "iscrowd": 0,
            "score": score,
        }
        if areas[row]:
            record["segmentation"] = rle_to_json(found.rles[row])
        yield record
