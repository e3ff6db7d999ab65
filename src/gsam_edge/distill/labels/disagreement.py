"""Images on which a teacher's labels and the truth disagree most: some show a mistake in the truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.distill.labels.gated import GatedLabels
from gsam_edge.metrics.label_quality import match_labels, worst_images
from gsam_edge.report.draw import LineStyle
from gsam_edge.report.plots.worst_images import WorstImage
from gsam_edge.vision.images import ImageSource

#: What the lines of a disagreement's boxes mean.
LEGEND: Mapping[LineStyle, str] = {
    "solid": "truth that a label holds, or a label that is an object",
    "dashed": "label that is ignored",
    "dotted": "truth that no label holds",
}


@dataclass(frozen=True)
class Disagreement:
    """An image on which labels and truth disagree.

    Attributes:
        annotations: the images that it is one of.
        image_id: its COCO id.
        labels: those that passed the gate.
        ignored: which of them are ignored, bool [N].
        missed: which true objects no label holds, not even an ignored one, bool [M].
        size: by which images are ranked: the expected number of correct labels among those that match no object, and
            the missed objects.
        why: the counts in words.
    """

    annotations: Annotations
    image_id: int
    labels: PackedDetections
    ignored: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    size: float
    why: str

    @property
    def file_name(self) -> str:
        """Name of the image."""
        return str(self.annotations.image_by_id[self.image_id]["file_name"])

    def row(self, images: ImageSource) -> WorstImage:
        """Returns what a sheet shows of it, with the image by its name."""
        found = self.labels.unpack()
        return WorstImage(
            images[self.file_name],
            self.file_name,
            self.annotations.truth(self.image_id, masks=found.held_masks is not None),
            found,
            self.why,
            truth_lines=["dotted" if missed else "solid" for missed in self.missed],
            found_lines=["dashed" if ignored else "solid" for ignored in self.ignored],
        )


def disagreements(
    truth: Annotations, passed: GatedLabels, *, match_iou: float, prompted: bool, count: int
) -> list[Disagreement]:
    """Returns the images on which labels and truth disagree most, the most first; none on which they agree.

    Args:
        truth: the images with their truth.
        passed: their labels behind the gate.
        match_iou: least box IoU at which a label holds an object of its class (0..1).
        prompted: whether the teacher was given the true boxes; then images are ranked by their masks, the worst first.
        count: most images returned.
    """
    if prompted:
        return [
            _of_masks(truth, ranked.image_id, passed, 1 - ranked.figure, ranked.why)
            for ranked in worst_images(truth, passed.objects, match_iou=match_iou, prompted=True, count=count)
        ]
    found = [_of_image(truth, image_id, passed, match_iou) for image_id in passed.objects]
    return sorted((each for each in found if each.size), key=lambda each: -each.size)[:count]


def _of_masks(truth: Annotations, image_id: int, passed: GatedLabels, size: float, why: str) -> Disagreement:
    labels = passed.objects[image_id]
    none = np.zeros(len(labels), bool)
    return Disagreement(truth, image_id, labels, none, none, size, why)


def _of_image(truth: Annotations, image_id: int, passed: GatedLabels, match_iou: float) -> Disagreement:
    labels, weights = passed.objects[image_id], passed.weights[image_id]
    boxes = PackedDetections(labels.unmasked, None, ())
    matched = match_labels(truth, image_id, boxes, match_iou=match_iou, prompted=False)
    missed = np.ones(len(matched.truth), bool)
    missed[[target for _, target in matched.pairs]] = False
    alone = ~weights.ignored & ~matched.in_crowd
    alone[[row for row, _ in matched.pairs]] = False
    why = f"labels without truth: {alone.sum()}, truth without label: {missed.sum()}"
    size = float(weights.classes[alone].sum()) + int(missed.sum())
    return Disagreement(truth, image_id, labels, weights.ignored, missed, size, why)
