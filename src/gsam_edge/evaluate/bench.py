"""Measures an exported student on one split, by itself and in turns with the one that all are compared with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import by_image
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.measure import MeasurementError, ProcessEndedError, predict_all, times_in_turns
from gsam_edge.evaluate.split_images import SplitImages
from gsam_edge.export.format import Format
from gsam_edge.export.table import FORMATS, REFERENCE
from gsam_edge.metrics.bootstrap import paired_difference
from gsam_edge.metrics.detection import IouType, evaluate_predictions
from gsam_edge.metrics.resampling import IOUS_50_95, ResampledMap, resampled_map
from gsam_edge.runtime import Detector
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

#: The figures that may not drop, by the word that stands before "mAP50-95".
_KINDS: Mapping[str, IouType] = {"box": "bbox", "mask": "segm"}


@dataclass(frozen=True)
class Accuracy:
    """What an artefact is worth on the validation split.

    Attributes:
        figures: "box", and "mask" where the data has masks, to mAP50-95 (0..1).
        resampled: the same to figures that can be computed anew for any draw of images.
        found: objects that score enough to be shown in normal use.
    """

    figures: Mapping[str, float]
    resampled: Mapping[str, ResampledMap]
    found: int


@dataclass(frozen=True)
class Measured:
    """An artefact beside the reference.

    Attributes:
        accuracy: its own.
        drop: points of mAP50-95 that it lost against the reference, by kind; empty for the reference itself.
        intervals: 95 % interval of each drop over the draw of images; absent where too few images hold objects.
        times_ms: float64 [turns, 2] of the reference and of itself, [turns, 1] for the reference.
    """

    accuracy: Accuracy
    drop: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    times_ms: NDArray[np.float64]

    @property
    def ms(self) -> float:
        """Its median time."""
        return float(np.median(self.times_ms[:, -1]))

    @property
    def reference_ms(self) -> float:
        """The reference's median time in the same turns."""
        return float(np.median(self.times_ms[:, 0]))

    @property
    def ratio(self) -> float:
        """How many times as fast as the reference it is: the median over the turns."""
        return float(np.median(self.times_ms[:, 0] / self.times_ms[:, -1]))


class Bench:
    """Measures artefacts on one split."""

    def __init__(
        self,
        truth: Annotations,
        images: ImageSource,
        config: EvaluationConfig,
        groups: NDArray[np.int64] | None = None,
    ) -> None:
        """Takes the split, where its images come from, how artefacts are measured, and groups (see `drawn_images`)."""
        self._truth, self._config, self._groups = truth, config, groups
        self._images = SplitImages(truth, images)

    def crash(self, made_as: Format[Any, Any], content: bytes) -> ProcessEndedError | None:
        """Runs an artefact once in a process of its own, which a backend may take down; returns how it ended.

        None where it did not end, also where it raised an exception: that does not end the process that asks next.
        """
        factory = self._factory(made_as, content, self._config.score_threshold)
        try:
            self._predicted(factory, [self._images[0]])
        except ProcessEndedError as error:
            return error
        except MeasurementError:
            return None
        return None

    def reference(self, made_as: Format[Any, Any], content: bytes) -> Measured:
        """Measures the artefact that all others are compared with. Raises as `measure.measure` does."""
        return Measured(self._accuracy(made_as, content), {}, {}, self.times([(made_as, content)]))

    def beside(
        self, reference: Measured, reference_content: bytes, made_as: Format[Any, Any], content: bytes
    ) -> Measured:
        """Measures another artefact. Raises as `measure.measure` does."""
        accuracy = self._accuracy(made_as, content)
        drop, intervals = {}, {}
        for kind, before in reference.accuracy.figures.items():
            drop[kind] = 100 * (before - accuracy.figures.get(kind, 0.0))
            if kind in accuracy.resampled:
                gain = paired_difference(reference.accuracy.resampled[kind], accuracy.resampled[kind], self._groups)
                if gain is not None:
                    intervals[kind] = (-100 * gain.high, -100 * gain.low)
        times = self.times([(FORMATS[REFERENCE], reference_content), (made_as, content)])
        return Measured(accuracy, drop, intervals, times)

    def times(self, artefacts: Sequence[tuple[Format[Any, Any], bytes]]) -> NDArray[np.float64]:
        """Times N artefacts in turns, as in normal use: milliseconds [turns, N]. Raises as `measure.measure` does."""
        config = self._config
        factories = [self._factory(made_as, content, config.timed_score_threshold) for made_as, content in artefacts]
        return times_in_turns(
            factories,
            self._images,
            warmup=config.warmup_calls,
            repeats=config.timed_calls,
            threads=config.threads,
            timeout_s=config.timeout_s,
        )

    def _accuracy(self, made_as: Format[Any, Any], content: bytes) -> Accuracy:
        factory = self._factory(made_as, content, self._config.score_threshold)
        predictions = by_image(self._truth, self._predicted(factory, self._images))
        figures, resampled = {}, {}
        for kind, iou_type in _KINDS.items():
            evaluation = evaluate_predictions(self._truth, predictions, iou_type)
            if evaluation is not None and "map50_95" in evaluation.figures:
                figures[kind] = evaluation.figures["map50_95"]
                resampled[kind] = resampled_map(self._truth, predictions, iou_type, IOUS_50_95)
        found = sum(_shown(packed, self._config.timed_score_threshold) for packed in predictions.values())
        return Accuracy(figures, resampled, found)

    def _predicted(
        self, factory: Callable[[], Callable[..., Detections]], images: Sequence[NDArray[np.uint8]]
    ) -> list[PackedDetections]:
        config = self._config
        return predict_all(factory, images, threads=config.threads, timeout_s=config.timeout_s)

    def _factory(
        self, made_as: Format[Any, Any], content: bytes, score_threshold: float
    ) -> Callable[[], Callable[..., Detections]]:
        threads = self._config.threads
        return partial(Detector.open, content, made_as.suffix, score_threshold=score_threshold, threads=threads)


def _shown(packed: PackedDetections, least: float) -> int:
    return int((packed.unmasked.scores >= least).sum())
