"""Every accuracy figure of a model on a split, for every draw of its images: values, intervals and differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.bootstrap import drawn_images, enough_images, estimate
from gsam_edge.metrics.coco.engine import AREAS, MOST_DETECTIONS, CocoEngine, Matches
from gsam_edge.metrics.coco.shapes import IouType, predicts_masks
from gsam_edge.metrics.detection import by_class
from gsam_edge.metrics.mask_overlap import matched_mask_ious
from gsam_edge.metrics.resampling import (
    IOUS_50_95,
    ClassMatches,
    mean_over_classes,
    resampled_mean_iou,
)
from gsam_edge.metrics.thresholds import FALSE_ALARMS, FOUND, OBJECTS, ShownCounts

#: The kinds of COCO's figures, by the word that stands before them.
KINDS: Mapping[str, IouType] = {"box": "bbox", "mask": "segm"}
#: Detections that score less do not count in the calibration: there are thousands of them, nearly all wrong, as their
#: scores say, and they would hide the others.
CALIBRATED_FROM = 0.05
CALIBRATION_BINS = 10
_IOU_50, _IOU_75 = 0, 5


@dataclass(frozen=True)
class Draws:
    """Draws of a split's images.

    Attributes:
        counts: how often each image counts, int32 [1 + RESAMPLES, images]; the first row is the split itself.
        groups: label of each image, int64 [images]; those of one label were drawn together.
    """

    counts: NDArray[np.int32]
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, truth: Annotations, related: Sequence[Sequence[int]] = ()) -> "Draws":
        """Draws the images of a split; `related` are groups of image ids that are drawn together, near copies, say."""
        row_of = {image["id"]: row for row, image in enumerate(truth.images)}
        groups = np.arange(len(row_of))
        for group in related:
            rows = [row_of[image_id] for image_id in group if image_id in row_of]
            if rows:
                groups[rows] = rows[0]
        return cls(drawn_images(len(row_of), groups).astype(np.int32), groups)

    def figure(self, values: NDArray[np.float64], objects: NDArray[np.int64]) -> "DrawnFigure":
        """Returns a figure for all draws [1 + RESAMPLES] that counts these objects, int64 [images]."""
        return DrawnFigure(values, enough_images(objects, self.groups))

    def ratio(self, part: NDArray[Any], whole: NDArray[Any], objects: NDArray[np.int64]) -> "DrawnFigure":
        """Returns the ratio of two sums over images, of numbers [images]; NaN where the second is 0."""
        return self.figure(_divided(self.sums(part), self.sums(whole)), objects)

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the sum over images of numbers [images, ...] for each draw, float64 [1 + RESAMPLES, ...]."""
        sums: NDArray[np.float64] = self._weights @ values.astype(np.float64)
        return sums

    @cached_property
    def of_images(self) -> NDArray[np.int32]:
        """`counts` by image, int32 [images, 1 + RESAMPLES]."""
        return np.ascontiguousarray(self.counts.T)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """`counts` as numbers that are multiplied quickly."""
        return self.counts.astype(np.float64)


@dataclass(frozen=True)
class DrawnFigure:
    """A figure for every draw of the images.

    Attributes:
        values: float64 [1 + RESAMPLES]; the first is that of the split itself. NaN where a draw has none.
        enough: whether enough images hold objects for an interval.
    """

    values: NDArray[np.float64]
    enough: bool

    def __sub__(self, other: "DrawnFigure") -> "DrawnFigure":
        return DrawnFigure(self.values - other.values, self.enough and other.enough)

    @property
    def value(self) -> float:
        """The figure of the split itself."""
        return float(self.values[0])

    @property
    def ci95(self) -> list[float] | None:
        """The 95 % interval over the luck of which images are in the split; None where they are too few."""
        if not self.enough:
            return None
        _, low, high = estimate(self.values)
        return [low, high]

    def row(self) -> dict[str, Any]:
        """Returns `value`, and `ci95` where there is one."""
        return {"value": self.value} | ({} if self.ci95 is None else {"ci95": self.ci95})


@dataclass
class Accuracy:
    """Accuracy figures, 0..1 but for those of 100 images; what does not apply is absent.

    Attributes:
        figures: of the whole split: <kind>_<name of COCO_FIGURES> with kind "box" or "mask", `mask_iou`, `precision`,
            `recall`, `f1` and `false_alarms_per_100_images` at the threshold, `ece`.
        per_class: by class name some of them.
        per_size: by name of `AREAS` but "all".
    """

    figures: dict[str, DrawnFigure] = field(default_factory=dict)
    per_class: dict[str, dict[str, DrawnFigure]] = field(default_factory=dict)
    per_size: dict[str, dict[str, DrawnFigure]] = field(default_factory=dict)

    def add(self, part: str, name: str, figures: Mapping[str, DrawnFigure]) -> None:
        """Adds figures of a class or a size; `part` is "per_class" or "per_size"."""
        getattr(self, part).setdefault(name, {}).update(figures)


def accuracy(
    truth: Annotations,
    predictions: Mapping[int, PackedDetections],
    draws: Draws,
    counted: ShownCounts | None,
    *,
    match_iou: float,
    boxes: bool = True,
) -> Accuracy:
    """Computes every figure for every draw.

    Args:
        truth: the split.
        predictions: image ids to detections.
        draws: of its images.
        counted: what is found and invented at the threshold in use; None where there is none.
        match_iou: see `matched_mask_iou`.
        boxes: whether the boxes are the model's own; those of one that was given the true boxes say nothing of it.

    Raises:
        ValueError: see `evaluate_predictions`.
    """
    result = Accuracy()
    for kind, iou_type in KINDS.items():
        if not (boxes if kind == "box" else truth.has_masks and predicts_masks(predictions)):
            continue
        matches = CocoEngine.of(truth, predictions, iou_type).matches(IOUS_50_95, AREAS)
        _add_coco(result, kind, truth, matches, draws)
        if kind == "box":
            _add_calibration(result, truth, [areas["all"] for areas in matches.values()], draws)
    if truth.has_masks and predicts_masks(predictions):
        ious, _ = matched_mask_ious(truth, predictions, match_iou)
        mean = resampled_mean_iou(truth, ious)
        if mean.objects.any():
            result.figures["mask_iou"] = draws.ratio(mean.totals, mean.objects, mean.objects)
    if counted is not None:
        _add_shown(result, truth, counted, draws)
    return result


def _add_coco(
    result: Accuracy, kind: str, truth: Annotations, found: Mapping[int, Mapping[str, Matches]], draws: Draws
) -> None:
    """Adds COCO's figures, by class and by size, too."""
    for area in AREAS:
        of_category = {key: areas[area] for key, areas in found.items() if areas[area].objects.any()}
        if not of_category:
            continue
        objects = np.sum([matches.objects for matches in of_category.values()], axis=0)
        precision = {
            key: ClassMatches.of(key, matches).average_precision(draws.of_images)
            for key, matches in of_category.items()
        }
        recall = {key: _recall(matches, draws) for key, matches in of_category.items()}

        def mean(of: Mapping[int, NDArray[np.float64]], objects: NDArray[np.int64] = objects) -> DrawnFigure:
            return draws.figure(mean_over_classes(np.stack(list(of.values()), axis=1)), objects)

        map50_95 = mean({key: values.mean(axis=-1) for key, values in precision.items()})
        if area != "all":
            figures = {f"map_{area}": map50_95, f"mar_{area}": mean({key: recall[key][:, -1] for key in recall})}
            result.figures.update({f"{kind}_{name}": figure for name, figure in figures.items()})
            of_size = {f"{kind}_map50_95": map50_95, f"{kind}_mar_100": figures[f"mar_{area}"]}
            result.add("per_size", area, of_size)
            continue
        result.figures[f"{kind}_map50_95"] = map50_95
        result.figures[f"{kind}_map50"] = mean({key: values[:, _IOU_50] for key, values in precision.items()})
        result.figures[f"{kind}_map75"] = mean({key: values[:, _IOU_75] for key, values in precision.items()})
        for column, limit in enumerate(MOST_DETECTIONS):
            result.figures[f"{kind}_mar_{limit}"] = mean({key: values[:, column] for key, values in recall.items()})
        for name, key in by_class(truth, {key: key for key in of_category}).items():
            values, counts = precision[key], of_category[key].objects
            of_class = {
                f"{kind}_map50": draws.figure(values[:, _IOU_50], counts),
                f"{kind}_map50_95": draws.figure(values.mean(axis=-1), counts),
            }
            result.add("per_class", name, of_class)


def _recall(matches: Matches, draws: Draws) -> NDArray[np.float64]:
    """Returns the mean over IoUs of a class's recall, float64 [draws, most detections]."""
    found = np.zeros((len(matches.objects), len(MOST_DETECTIONS)))
    for column, limit in enumerate(MOST_DETECTIONS):
        taken = matches.rank < limit
        np.add.at(found[:, column], matches.image[taken], matches.correct[:, taken].mean(axis=0))
    labelled = draws.sums(matches.objects)
    return _divided(draws.sums(found), labelled[:, None])


def _add_shown(result: Accuracy, truth: Annotations, counted: ShownCounts, draws: Draws) -> None:
    """Adds what is found and invented at the threshold."""
    of_all = counted.counts.sum(axis=1)
    if not of_all[:, OBJECTS].any():
        return
    result.figures.update(_shown(of_all, draws))
    every = np.ones(len(of_all))
    result.figures["false_alarms_per_100_images"] = draws.ratio(
        100 * of_all[:, FALSE_ALARMS], every, of_all[:, OBJECTS]
    )
    for class_id, name in enumerate(truth.class_names):
        if counted.counts[:, class_id, OBJECTS].any():
            result.add("per_class", name, _shown(counted.counts[:, class_id], draws))
    for area, counts in counted.of_area.items():
        if counts[:, OBJECTS].any():
            recall = draws.ratio(counts[:, FOUND], counts[:, OBJECTS], counts[:, OBJECTS])
            result.add("per_size", area, {"recall": recall})


def _shown(counts: NDArray[np.int64], draws: Draws) -> dict[str, DrawnFigure]:
    """Returns precision, recall and F1 of counts, int64 [images, 3]; precision is absent where nothing is shown."""
    objects, found, false_alarms = draws.sums(counts).T
    shares = {
        "precision": _divided(found, found + false_alarms),
        "recall": _divided(found, objects),
        "f1": _divided(2 * found, objects + found + false_alarms),
    }
    figures = {name: draws.figure(values, counts[:, OBJECTS]) for name, values in shares.items()}
    return {name: figure for name, figure in figures.items() if not np.isnan(figure.value)}


def calibrated_part(predictions: Mapping[int, PackedDetections]) -> dict[int, PackedDetections]:
    """Returns the boxes that count in the calibration (see `CALIBRATED_FROM`)."""
    return {
        image_id: PackedDetections(packed.unmasked.select(packed.unmasked.scores >= CALIBRATED_FROM), None, ())
        for image_id, packed in predictions.items()
    }


def _add_calibration(result: Accuracy, truth: Annotations, found: Sequence[Matches], draws: Draws) -> None:
    """Adds the expected calibration error, which `CocoEngine.calibration` computes for the split itself.

    Detections of low scores, which do not count, change none of the matches of the others.
    """
    sums = np.zeros((3, len(truth.images), CALIBRATION_BINS))  # detections, correct ones, their scores
    for matches in found:
        kept = matches.counted[_IOU_50] & (matches.score >= np.float32(CALIBRATED_FROM))
        image, score = matches.image[kept], matches.score[kept]
        place = image, np.minimum((score * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for total, values in zip(sums, (np.ones(len(score)), matches.correct[_IOU_50][kept], score), strict=True):
            np.add.at(total, place, values)
    if not sums[0].any():
        return
    count, correct, score = (draws.sums(total) for total in sums)
    error = _divided(np.abs(correct - score).sum(axis=1), count.sum(axis=1))
    objects = np.asarray(truth.image_class_counts.sum(axis=1), np.int64)
    result.figures["ece"] = draws.figure(error, objects)


def _divided(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the ratio; NaN where the second is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)
