"""Figures of an arm on the test split, for every draw of its images and of its trainings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.bootstrap import Estimate, drawn_images, enough_images, estimate, mean_of_runs
from gsam_edge.metrics.detection import IouType
from gsam_edge.metrics.resampling import IOUS_50_95, mean_over_classes, resampled_map

#: The figure by which arms are judged.
JUDGED_BY = "box_map50_95"
_KINDS: tuple[tuple[str, IouType], ...] = (("box", "bbox"), ("mask", "segm"))


@dataclass(frozen=True)
class Drawn:
    """A figure of an arm, or a difference of two, for every draw (`bootstrap.drawn_images`).

    Attributes:
        classes: names of the classes that have objects on the split.
        values: mean over the arm's trainings, float64 [1 + RESAMPLES, classes] in 0..1; NaN where a draw holds no
            object of the class.
        enough: whether enough images hold objects for an interval.
        clear: names of the classes of which enough images hold objects. A class in one image has the same value in
            every draw that holds it, which would be an interval without width.
    """

    classes: tuple[str, ...]
    values: NDArray[np.float64]
    enough: bool
    clear: frozenset[str]

    def __sub__(self, other: "Drawn") -> "Drawn":
        return replace(self, values=self.values - other.values)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the classes, float64 [1 + RESAMPLES]."""
        return mean_over_classes(self.values)

    @property
    def estimate(self) -> Estimate:
        """The mean over the classes with its interval."""
        return estimate(self.mean)

    def of_class(self, name: str) -> Estimate:
        """A class's value with its interval, which says something of the classes in `clear` alone."""
        return estimate(self.values[:, self.classes.index(name)])


#: Names of figures (`box_map50` ...) to their values.
Figures = Mapping[str, Drawn]


def arm_figures(split: Annotations, units: Sequence[Sequence[Mapping[int, PackedDetections]]]) -> dict[str, Drawn]:
    """Returns mAP50 and mAP50-95 of boxes and, where truth and predictions have them, of masks.

    Args:
        split: the test split.
        units: what each student found, by image id, one sequence for each independent repetition: a seed, or all seeds
            with the same labelled images. The interval is about the luck of these.

    Returns:
        By name of the figure; nothing where the split holds no object.
    """
    draws = drawn_images(len(split.images))
    figures = {}
    for prefix, iou_type in _KINDS:
        if iou_type == "segm" and not (split.has_masks and _have_masks(units)):
            continue
        matched = [[resampled_map(split, found, iou_type, IOUS_50_95) for found in unit] for unit in units]
        first = matched[0][0]
        if not first.classes:
            continue
        values = mean_of_runs(
            np.stack([np.mean([each.of_classes(draws) for each in unit], axis=0) for unit in matched])
        )
        names = [split.class_names[split.class_id_of_category[each.category_id]] for each in first.classes]
        clear = frozenset(name for name, each in zip(names, first.classes, strict=True) if enough_images(each.objects))
        for figure, drawn in (("map50", values[..., 0]), ("map50_95", values.mean(axis=-1))):
            figures[f"{prefix}_{figure}"] = Drawn(tuple(names), drawn, enough_images(first.objects), clear)
    return figures


def recovered_gap(distilled: Drawn, truth: Drawn, oracle: Drawn) -> Estimate | None:
    """Returns which share of the way from the labels in use to all labels an arm goes; 1 is all of it.

    Returns:
        The share with its interval; None where it is not sure that there is a way to go.
    """
    gap = oracle.mean - truth.mean
    if not (truth.enough and estimate(gap).low > 0):
        return None
    # Hardly any draw has no way to go; these have no share.
    return estimate(np.divide(distilled.mean - truth.mean, gap, out=np.full_like(gap, np.nan), where=gap > 0))


def _have_masks(units: Sequence[Sequence[Mapping[int, PackedDetections]]]) -> bool:
    return all(any(packed.mask_hw is not None for packed in found.values()) for unit in units for found in unit)
