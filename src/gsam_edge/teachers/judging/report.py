"""Report of the tuning: metrics of each teacher before and after, on images not used for training."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from torch import nn

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed, not_needed
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import by_image
from gsam_edge.metrics.bootstrap import paired_difference
from gsam_edge.metrics.label_quality import label_shares
from gsam_edge.teachers.asking import QuestionedTeacher, questions
from gsam_edge.teachers.compose import TunedTeachers, in_a_row, named_base, takes_boxes_from_masks
from gsam_edge.teachers.config import DetectionConfig, FloorConfig
from gsam_edge.teachers.family import TeacherPredict
from gsam_edge.teachers.judging.figures import TeacherFigures, found_figures, outlined_figures
from gsam_edge.teachers.judging.verdict import verdict
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.predict import Part, boxes_of, teacher_predictor
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.device import DeviceName
from gsam_edge.training.workers import Workers
from gsam_edge.vision.images import ImageSource

#: Finder and outliner in a row, in the report.
IN_A_ROW = "grounded_sam"

#: Image ids to packed detections.
Found = Mapping[int, PackedDetections]


class LabelRule(NamedTuple):
    """Which detections are labels, and which labels are correct.

    Attributes:
        score_threshold: detections that score less are no labels (0..1).
        match_iou: least box IoU with a true object of its class (0..1).
    """

    score_threshold: float
    match_iou: float


class TeacherReport(NamedTuple):
    """The report of the tuning, and what the teachers found.

    Attributes:
        content: the `teacher_report`, see `teacher_report`.
        found: what the tuned teachers found, together where both are needed.
        prompted: whether they were given the true boxes.
    """

    content: dict[str, Any]
    found: Found
    prompted: bool


def teacher_report(
    split: Annotations,
    images: ImageSource,
    teachers: TunedTeachers,
    choice: TeacherChoice,
    *,
    detection: DetectionConfig,
    labelling: LabelRule,
    floor: FloorConfig,
    device: DeviceName,
) -> TeacherReport:
    """Evaluates base and tuned teachers on the validation split.

    Args:
        split: the validation split.
        images: images by `file_name`.
        teachers: bases and adapters.
        choice: which teachers find and outline.
        detection: what counts as a detection.
        labelling: which detections would be labels, and correct.
        floor: what a teacher must reach to teach a student.
        device: where to predict.

    Returns:
        The report: by name each teacher with `status`, `adapter` (its digest), `trainable`, `total` (parameters),
        `base`, `tuned`, `per_class` {class: {objects, base, tuned}}, `labels` {recall, precision}, `interval` (see
        `Interval`), `verdict` and `why` (see `verdict`, which also warns). The figures of one that finds are those of
        its boxes, {map50, map50_95}; of one that outlines {mask_iou}, prompted with the true boxes. `grounded_sam`,
        finder and outliner in a row, has {mask_map50, mask_map50_95} and `boxes`, whose its boxes are. `per_class` and
        `interval` are of the first of these figures. Where the boxes of the data are those of its masks, `grounded_sam`
        has `boxes_map50_95` of the finder's boxes and of the `masks`, and the better ones are taken
        (`boxes_from_masks`): an outliner that is surer of an outline than the finder of a box gives the better box, a
        weak one a much worse one. Teachers that are used as they are have `base` alone. A teacher
        that is not needed has its `status` and `why` instead.
    """
    ask = _Ask(split, images, detection, device)
    report: dict[str, Any] = {}
    found: dict[str, dict[str, Found]] = {}
    parts: dict[str, Part] = {}
    for name, (base, adapter) in teachers.items():
        if is_not_needed(adapter):
            report[name] = adapter
            continue
        parts[name] = part = Part(name, named_base(name, base), adapter)
        outlines = TEACHERS[name].role == "outline"
        found[name] = ask(None, part) if outlines else ask(part, None)
        report[name] = {"adapter": adapter.digest} | _size(part.base.model, adapter)
    missing = [name for name in choice.names if name not in parts]
    if missing:
        why = f"it takes both teachers, and {' and '.join(missing)} is not needed"
        report[IN_A_ROW] = not_needed(why)
    elif choice.one_does_both and not split.has_masks:
        report[IN_A_ROW] = not_needed("the annotations hold no masks")
    else:
        finder, outliner = in_a_row(choice, parts)
        found[IN_A_ROW] = ask(finder, outliner, own_masks=choice.one_does_both)
        found[IN_A_ROW], whose = _better_boxes(split, finder, outliner, found[IN_A_ROW])
        report[IN_A_ROW] = whose
    for name, stages in found.items():
        report[name] = _part(name, split, stages, labelling, floor) | report[name]
    shown = next((name for name in (IN_A_ROW, *choice.names) if name in found), None)
    if shown is None:
        return TeacherReport(report, {}, prompted=False)
    return TeacherReport(report, [*found[shown].values()][-1], prompted=_is_prompted(shown))


@dataclass(frozen=True)
class _Ask:
    """Asks teachers for the objects of a split, untuned and tuned."""

    split: Annotations
    images: ImageSource
    detection: DetectionConfig
    device: DeviceName

    def __call__(self, finder: Part | None, outliner: Part | None, *, own_masks: bool = False) -> dict[str, Found]:
        """Returns what they found: as `base` and, where one of them is tuned, as `tuned`."""
        build = partial(
            teacher_predictor,
            class_names=self.split.class_names,
            detection=self.detection,
            device=self.device,
            own_masks=own_masks,
        )
        built = {"base": partial(build, finder=_untuned(finder), outliner=_untuned(outliner))}
        if any(part.adapter.is_tuned for part in (finder, outliner) if part and part.adapter):
            built["tuned"] = partial(build, finder=finder, outliner=outliner)
        names = " and ".join(part.name for part in (finder, outliner) if part)
        return {
            stage: self._found(each, prompted=finder is None, bar=f"{names}, {stage}") for stage, each in built.items()
        }

    def _found(self, build: Callable[[], TeacherPredict], *, prompted: bool, bar: str) -> Found:
        teacher = QuestionedTeacher(build, self.images)
        with closing(questions(self.split, prompted_with_boxes=prompted, bar=bar)) as asked:
            answers = Workers().map(teacher, asked, batch=self.detection.batch_size)
            found = [objects for _, objects in answers]
        return by_image(self.split, found)


def boxes_from_masks(report: Mapping[str, Any]) -> bool:
    """Returns whether a `teacher_report` says that the boxes of the masks are better than those of the finder."""
    return bool(report[IN_A_ROW].get("boxes_from_masks", False))  # absent where there are no two teachers in a row


def _better_boxes(
    split: Annotations, finder: Part | None, outliner: Part | None, stages: dict[str, Found]
) -> tuple[dict[str, Found], dict[str, Any]]:
    """Returns what was found with the better boxes, by those that were found last, and what the report says of them."""
    told: dict[str, Any] = {"boxes_from_masks": False}
    if takes_boxes_from_masks(finder, outliner, split):
        tight: dict[str, Found] = {
            stage: {image_id: packed.with_tight_boxes() for image_id, packed in found.items()}
            for stage, found in stages.items()
        }
        told["boxes_map50_95"] = of = {
            whose: found_figures(split, [*each.values()][-1], "bbox").whole.get("map50_95", 0.0)
            for whose, each in (("finder", stages), ("masks", tight))
        }
        told["boxes_from_masks"] = of["masks"] > of["finder"]
        stages = tight if told["boxes_from_masks"] else stages
    return stages, {"boxes": boxes_of(boxes_from_masks=told["boxes_from_masks"])} | told


def _part(
    name: str, split: Annotations, stages: Mapping[str, Found], labelling: LabelRule, floor: FloorConfig
) -> dict[str, Any]:
    """Returns a teacher's entry of the report, from what it found at each stage."""
    figures = {stage: _figures(name, split, found) for stage, found in stages.items()}
    last = [*stages.values()][-1]
    labels = {} if _is_prompted(name) else label_shares(split, last, **labelling._asdict())
    part: dict[str, Any] = {"status": "tuned" if "tuned" in stages else "as it is"}
    part |= {stage: each.whole for stage, each in figures.items()}
    part |= {"per_class": _per_class(split, figures)} | ({"labels": labels} if labels else {})
    interval = None
    if "tuned" in figures:
        interval = paired_difference(figures["base"].resampled, figures["tuned"].resampled)
    if interval is not None:
        part["interval"] = vars(interval)
    tuned = figures["tuned"].whole if "tuned" in figures else None
    return part | verdict(
        name,
        figures["base"].whole,
        tuned,
        interval=interval,
        labels=labels,
        score_threshold=labelling.score_threshold,
        floor=floor,
    )


def _is_prompted(name: str) -> bool:
    """Whether a teacher of the report is given the true boxes."""
    return name != IN_A_ROW and TEACHERS[name].role == "outline"


def _figures(name: str, split: Annotations, found: Found) -> TeacherFigures:
    if _is_prompted(name):
        return outlined_figures(split, found)
    return found_figures(split, found, "segm" if name == IN_A_ROW else "bbox")


def _per_class(split: Annotations, figures: Mapping[str, TeacherFigures]) -> dict[str, dict[str, float]]:
    """Returns the counts of the objects of each class beside its figure at each stage."""
    objects = dict(zip(split.class_names, split.image_class_counts.sum(axis=0).tolist(), strict=True))
    return {
        name: {"objects": objects[name]} | {stage: each.per_class[name] for stage, each in figures.items()}
        for name in split.class_names
        if name in figures["base"].per_class
    }


def _untuned(part: Part | None) -> Part | None:
    return None if part is None or part.adapter is None else part._replace(adapter=part.adapter.untuned)


def _size(base: nn.Module, adapter: Adapter) -> dict[str, Any]:
    trainable = sum(tensor.numel() for tensor in adapter.tensors.values())
    total = trainable + sum(parameter.numel() for parameter in base.parameters())
    return {"trainable": trainable, "total": total}
