"""The accuracy of an artefact on validation images, by which a format chooses among ways to build itself."""

from collections.abc import Mapping
from contextlib import closing

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.detection import IouType, coco_metrics
from gsam_edge.runtime import Detector
from gsam_edge.vision.images import ImageSource

#: Names of the figures, and what COCO's evaluation compares for them.
_FIGURES: Mapping[str, IouType] = {"box": "bbox", "mask": "segm"}


def evenly(truth: Annotations, count: int) -> Annotations:
    """Returns a split with at most `count` of its images, evenly spread."""
    count = min(count, len(truth.images))
    return truth.subset(truth.images[index * len(truth.images) // count]["id"] for index in range(count))


def accuracy_on(
    truth: Annotations, images: ImageSource, content: bytes, suffix: str, *, score_threshold: float, threads: int
) -> dict[str, float]:
    """Measures an artefact with its own engine, in this process.

    Args:
        truth: the images, with their objects.
        images: the images by `file_name`.
        content: the artefact.
        suffix: how its file's name ends.
        score_threshold: objects that score less are left out (0..1).
        threads: CPU threads.

    Returns:
        mAP50-95 (0..1) of `box` and `mask`; what does not apply is absent: masks of a student without them, and all
        where no image holds an object.

    Raises:
        ArtefactError: if the engine cannot load the artefact.
    """
    found = {}
    with closing(Detector.open(content, suffix, score_threshold=score_threshold, threads=threads)) as detect:
        for image in truth.images:
            found[image["id"]] = PackedDetections.pack(detect(images[image["file_name"]]))
    measured = {name: coco_metrics(truth, found, kind).get("map50_95") for name, kind in _FIGURES.items()}
    return {name: figure for name, figure in measured.items() if figure is not None}


def drop_points(reference: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Returns the larger of the losses of box and mask mAP50-95, in points (hundredths).

    Below 0 where both won; 0 without figures.
    """
    return 100 * max((reference[name] - other[name] for name in reference), default=0.0)
