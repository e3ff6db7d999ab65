"""What tuning brought: each teacher before and after, on images that taught it nothing."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rich.progress import track
from torch import nn

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import ask_about
from gsam_edge.metrics.detection import coco_metrics
from gsam_edge.metrics.mask_overlap import paired_mask_iou
from gsam_edge.teachers.compose import TunedTeachers
from gsam_edge.teachers.grounded_sam import teacher_predictor
from gsam_edge.teachers.grounding_dino.config import DetectionConfig
from gsam_edge.teachers.verdict import verdict
from gsam_edge.training.device import DeviceName
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

Predict = Callable[..., Detections]


def teacher_report(
    split: Annotations,
    images: ImageSource,
    teachers: TunedTeachers,
    *,
    detection: DetectionConfig,
    device: DeviceName,
) -> dict[str, Any]:
    """Base and tuned teachers on the validation split.

    Args:
        split: truth; its images are asked about.
        images: pictures by `file_name`.
        teachers: bases and adapters.
        detection: what counts as a detection.
        device: where to predict.

    Returns:
        `grounding_dino` with `status`, `trainable`, `total` (parameters), `base` and `tuned` as {map50, map50_95} of
        boxes, and `verdict` (see `verdict`, which also warns of an adapter that does not help); `sam` likewise with
        {mask_iou}, prompted with the true boxes; `grounded_sam`, both in a row, with {mask_map50, mask_map50_95}. A
        teacher that is not needed has its `status` and `why` instead.
    """
    adapters = {"grounding_dino": teachers.grounding_dino_adapter, "sam": teachers.sam_adapter}
    bases: dict[str, Any] = {"grounding_dino": teachers.grounding_dino, "sam": teachers.sam}
    unneeded = {name: adapter for name, adapter in adapters.items() if is_not_needed(adapter)}

    def predictors(*names: str) -> dict[str, Predict]:
        parts: dict[str, Any] = dict.fromkeys(("grounding_dino", "grounding_dino_adapter", "sam", "sam_adapter"))
        parts |= {name: bases[name] for name in names}
        common: dict[str, Any] = {"class_names": split.class_names, "detection": detection, "device": device}
        tuned = parts | {f"{name}_adapter": adapters[name] for name in names}
        return {"base": teacher_predictor(**parts, **common), "tuned": teacher_predictor(**tuned, **common)}

    report: dict[str, Any] = dict(unneeded)
    if "grounding_dino" not in unneeded:
        stages = predictors("grounding_dino")
        report["grounding_dino"] = _size(teachers.grounding_dino.model, adapters["grounding_dino"]) | {
            stage: _detection_figures(predict, split, images, "bbox") for stage, predict in stages.items()
        }
    if "sam" not in unneeded:
        report["sam"] = _size(teachers.sam.model, adapters["sam"]) | {
            stage: _mask_figures(predict, split, images) for stage, predict in predictors("sam").items()
        }
    if unneeded:
        missing = " and ".join(name for name in unneeded)
        report["grounded_sam"] = not_needed(f"it takes both teachers, and {missing} is not needed")
    else:
        report["grounded_sam"] = {"status": "tuned"} | {
            stage: _detection_figures(predict, split, images, "segm")
            for stage, predict in predictors("grounding_dino", "sam").items()
        }
    for name, part in report.items():
        if part["status"] == "tuned":
            part.update(verdict(name, part["base"], part["tuned"]))
    return report


def _size(base: nn.Module, adapter: Any) -> dict[str, Any]:
    trainable = sum(tensor.numel() for tensor in adapter.tensors.values())
    total = trainable + sum(parameter.numel() for parameter in base.parameters())
    return {"status": "tuned", "trainable": trainable, "total": total}


def _detection_figures(predict: Predict, split: Annotations, images: ImageSource, iou_type: Any) -> dict[str, float]:
    found = _asked(split, lambda image: predict(images[image["file_name"]]))
    figures = coco_metrics(split, found, iou_type)
    prefix = "" if iou_type == "bbox" else "mask_"
    return {f"{prefix}{name}": figures[name] for name in ("map50", "map50_95") if name in figures}


def _mask_figures(predict: Predict, split: Annotations, images: ImageSource) -> dict[str, float]:
    found = _asked(split, lambda image: predict(images[image["file_name"]], split.truth(image["id"], masks=False)))
    overlap = paired_mask_iou(split, found)
    return {} if overlap is None else {"mask_iou": overlap.mean_iou}


def _asked(split: Annotations, answer: Callable[[Mapping[str, Any]], Detections]) -> dict[int, PackedDetections]:
    return ask_about(split, answer, watched=partial(track, description="asking the teacher"))
