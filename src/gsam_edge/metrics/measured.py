"""Measurements of one artefact, alone and with the truth of a split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.metrics.detection import CocoEvaluation, evaluate_predictions
from gsam_edge.metrics.mask_overlap import MaskOverlap, matched_mask_iou


@dataclass(frozen=True)
class Measurement:
    """Predictions, latency and memory of one artefact.

    Attributes:
        predictions: one per image, in the images' order.
        latency_ms_median: median time of one whole call with one image, pre- and postprocessing included, in
            milliseconds.
        latency_ms_p95: 95th percentile of the same (numpy's linear interpolation).
        peak_memory_mb: most resident memory of the process in megabytes (10^6 bytes), interpreter and libraries
            included.
        timed_calls: how many calls the latencies come from.
        threads: CPU threads that the process was set to use.
        peak_gpu_memory_mb: most GPU memory that torch reserved in it, in megabytes (10^6 bytes); None where it used no
            GPU through torch.
        stages_ms: median times of parts of a call by name: preprocess, inference, postprocess; and of decode, reading
            and decoding an image, which comes before it. Parts that the artefact does not tell apart are absent.
        energy_mj: millijoules of a timed call, of the whole processor package and the whole GPU, whatever else they did
            then; None where no counter can be read.
    """

    predictions: Sequence[PackedDetections]
    latency_ms_median: float
    latency_ms_p95: float
    peak_memory_mb: float
    timed_calls: int
    threads: int
    peak_gpu_memory_mb: float | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    energy_mj: float | None = None


@dataclass(frozen=True)
class EvaluatedDetector:
    """A measured artefact that detects, with the truth of a split: all that its figures are computed from.

    Raises what `evaluate_predictions` raises, when a figure is first computed.

    Attributes:
        truth: the split.
        predictions: image ids to packed detections.
        measurement: times and memory.
        size_mb: megabytes (10^6 bytes) that must be shipped to run it.
        match_box_iou: see `matched_mask_iou`.
    """

    #: The artefact's task; a figure names the tasks for which it is computed.
    task: ClassVar[str] = "detect"

    truth: Annotations
    predictions: Mapping[int, PackedDetections]
    measurement: Measurement
    size_mb: float
    match_box_iou: float

    @cached_property
    def boxes(self) -> CocoEvaluation | None:
        """COCO's evaluation of the boxes; those of a dataset without boxes are the tight boxes of its masks."""
        return evaluate_predictions(self.truth, self.predictions, "bbox")

    @cached_property
    def masks(self) -> CocoEvaluation | None:
        """COCO's evaluation of the masks; None where truth or artefact has none."""
        return evaluate_predictions(self.truth, self.predictions, "segm")

    @cached_property
    def mask_overlap(self) -> MaskOverlap | None:
        """Mask IoU of the objects that were found; None where there are no masks to compare."""
        return matched_mask_iou(self.truth, self.predictions, self.match_box_iou)
