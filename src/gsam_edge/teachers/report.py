"""Report of the tuning: metrics of each teacher before and after, on images not used for training."""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from torch import nn

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import by_image
from gsam_edge.metrics.detection import IouType, coco_metrics
from gsam_edge.metrics.mask_overlap import paired_mask_iou
from gsam_edge.teachers.asking import QuestionedTeacher, questions
from gsam_edge.teachers.compose import TunedTeachers, in_a_row, named_base
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import TeacherPredict
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.predict import Part, teacher_predictor
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.teachers.verdict import verdict
from gsam_edge.training.device import DeviceName
from gsam_edge.training.workers import Workers
from gsam_edge.vision.images import ImageSource

#: Builds a teacher; can be pickled.
Build = Callable[[], TeacherPredict]


def teacher_report(
    split: Annotations,
    images: ImageSource,
    teachers: TunedTeachers,
    choice: TeacherChoice,
    *,
    detection: DetectionConfig,
    device: DeviceName,
) -> dict[str, Any]:
    """Evaluates base and tuned teachers on the validation split.

    Args:
        split: the validation split.
        images: images by `file_name`.
        teachers: bases and adapters.
        choice: which teachers find and outline.
        detection: what counts as a detection.
        device: where to predict.

    Returns:
        By name each teacher with `status`, `trainable`, `total` (parameters), `base`, `tuned`, and `verdict` (see
        `verdict`, which also warns of an adapter that does not help). The metrics of one that finds are those of its
        boxes, {map50, map50_95}; of one that outlines {mask_iou}, prompted with the true boxes. `grounded_sam`, finder
        and outliner in a row, has {mask_map50, mask_map50_95}. Teachers that are used as they are have `base` alone. A
        teacher that is not needed has its `status` and `why` instead.
    """

    def stages(finder: Part | None, outliner: Part | None, *, own_masks: bool = False) -> dict[str, Build]:
        build = partial(
            teacher_predictor, class_names=split.class_names, detection=detection, device=device, own_masks=own_masks
        )
        built: dict[str, Build] = {"base": partial(build, finder=_untuned(finder), outliner=_untuned(outliner))}
        if any(part.adapter.is_tuned for part in (finder, outliner) if part and part.adapter):
            built["tuned"] = partial(build, finder=finder, outliner=outliner)
        return built

    report: dict[str, Any] = {}
    parts: dict[str, Part] = {}
    for name, (base, adapter) in teachers.items():
        if is_not_needed(adapter):
            report[name] = adapter
            continue
        parts[name] = part = Part(name, named_base(name, base), adapter)
        if TEACHERS[name].role == "outline":
            figures = {stage: _mask_figures(build, split, images) for stage, build in stages(None, part).items()}
        else:
            figures = {
                stage: _detection_figures(build, split, images, "bbox") for stage, build in stages(part, None).items()
            }
        report[name] = {"status": _status(figures)} | _size(part.base.model, adapter) | figures
    missing = [name for name in choice.names if name not in parts]
    if missing:
        report["grounded_sam"] = not_needed(f"it takes both teachers, and {' and '.join(missing)} is not needed")
    elif choice.one_does_both and not split.has_masks:
        report["grounded_sam"] = not_needed("the annotations hold no masks")
    else:
        figures = {
            stage: _detection_figures(build, split, images, "segm")
            for stage, build in stages(*in_a_row(choice, parts), own_masks=choice.one_does_both).items()
        }
        report["grounded_sam"] = {"status": _status(figures)} | figures
    for name, part in report.items():
        if part["status"] == "tuned":
            part.update(verdict(name, part["base"], part["tuned"]))
    return report


def _untuned(part: Part | None) -> Part | None:
    return None if part is None or part.adapter is None else part._replace(adapter=part.adapter.untuned)


def _status(figures: Mapping[str, Any]) -> str:
    return "tuned" if "tuned" in figures else "as it is"


def _size(base: nn.Module, adapter: Adapter) -> dict[str, Any]:
    trainable = sum(tensor.numel() for tensor in adapter.tensors.values())
    total = trainable + sum(parameter.numel() for parameter in base.parameters())
    return {"trainable": trainable, "total": total}


def _detection_figures(build: Build, split: Annotations, images: ImageSource, iou_type: IouType) -> dict[str, float]:
    found = _asked(build, split, images, prompted_with_boxes=False)
    figures = coco_metrics(split, found, iou_type)
    prefix = "" if iou_type == "bbox" else "mask_"
    return {f"{prefix}{name}": figures[name] for name in ("map50", "map50_95") if name in figures}


def _mask_figures(build: Build, split: Annotations, images: ImageSource) -> dict[str, float]:
    found = _asked(build, split, images, prompted_with_boxes=True)
    overlap = paired_mask_iou(split, found)
    return {} if overlap is None else {"mask_iou": overlap.mean_iou}


def _asked(
    build: Build, split: Annotations, images: ImageSource, *, prompted_with_boxes: bool
) -> dict[int, PackedDetections]:
    """Predicts a split."""
    bar = "teacher predictions"
    with closing(questions(split, images, prompted_with_boxes=prompted_with_boxes, bar=bar)) as asked:
        answers = Workers().map(QuestionedTeacher(build), asked, batch=1)
        found = [objects for _, objects in answers]
    return by_image(split, found)
