"""Chooses how a student is quantised by its accuracy on validation images.

First the ways to take the ranges of activations are tried (Nagel et al., "A White Paper on Neural Network
Quantization", 2021, section 3.1), then the layers that suffer most are left in float, one by one.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.calibration import CalibrationCanvases
from gsam_edge.export.format import BuildData
from gsam_edge.export.quantization.accuracy import accuracy_on, drop_points, evenly
from gsam_edge.export.quantization.sensitivity import sensitivities
from gsam_edge.export.quantization.static import Method, QuantizationConfig, Quantizer, Ranges, prepared
from gsam_edge.runtime.card import Card

logger = logging.getLogger(__name__)

_SUFFIX = ".onnx"


class SearchConfig(BaseModel):
    """The ways of quantising that are tried, and when one is good enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[Method, ...] = Field(min_length=1, description="how a range is chosen from what was seen")
    calibration_images: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, description="training images that set the activations' ranges; each is tried with each method"
    )
    percentile: float = Field(
        gt=50, le=100, description="share of values inside the range, in %; only for `percentile`"
    )
    per_channel: bool = Field(description="one weight scale per output channel instead of one per tensor")
    reduce_range: bool = Field(description="7-bit weights, for x86 processors without VNNI, whose sums would saturate")
    val_images: int = Field(ge=1, description="validation images that a trial is measured on, evenly spread")
    score_threshold: float = Field(ge=0, le=1, description="objects that score less do not count in a trial")
    most_drop: float = Field(
        ge=0, description="loss of mAP50-95 (box or mask, the larger) that is good enough, in points (hundredths)"
    )
    sensitivity_images: int = Field(ge=1, description="training images that the layers' sensitivity is taken on")
    trials_in_float: int = Field(ge=0, description="layers that are tried in float at most; 0 is none")

    def ways(self, available: int) -> list[QuantizationConfig]:
        """Returns every method with every number of images (at most those `available`), in the order of trial."""
        return [
            QuantizationConfig(
                calibration_images=count,
                method=method,
                percentile=self.percentile,
                per_channel=self.per_channel,
                reduce_range=self.reduce_range,
            )
            for method in self.methods
            for count in dict.fromkeys(min(count, available) for count in self.calibration_images)
        ]


@dataclass(frozen=True)
class _Trial:
    """A quantised student with its accuracy, and the points that it lost."""

    content: bytes
    accuracy: Mapping[str, float]
    drop: float


class _Trials:
    """Measures quantised students against the FP32 one on the same validation images."""

    def __init__(self, source: bytes, data: BuildData, config: SearchConfig) -> None:
        """Measures the FP32 student."""
        self._data, self._config = data, config
        self.val = evenly(data.val, config.val_images)
        self.reference = self._accuracy(source)

    def measure(self, content: bytes) -> _Trial:
        """Measures one."""
        accuracy = self._accuracy(content)
        return _Trial(content, accuracy, drop_points(self.reference, accuracy))

    def _accuracy(self, content: bytes) -> dict[str, float]:
        return accuracy_on(
            self.val,
            self._data.images,
            content,
            _SUFFIX,
            score_threshold=self._config.score_threshold,
            threads=self._data.threads,
        )


def quantize_by_validation(
    source: bytes, card: Card, what: str, data: BuildData, config: SearchConfig
) -> tuple[bytes, tuple[str, ...]]:
    """Quantises an exported student in the way that keeps its accuracy best.

    Args:
        source: the FP32 ONNX file's content.
        card: its card.
        what: its name, for messages.
        data: training images set the ranges, validation images decide.
        config: what is tried.

    Returns:
        The INT8 file's content, and what was chosen, in sentences.

    Raises:
        InvalidDatasetError: if the student was made from another split of the images, or for other classes.
        ValueError: if the model has no convolution to quantise.
    """
    with prepared(source) as quantizer:
        trials = _Trials(source, data, config)
        tried: list[tuple[QuantizationConfig, Ranges, _Trial]] = []
        for way in config.ways(len(data.train.images)):
            canvases = CalibrationCanvases.of_training(card, data, what=what, count=way.calibration_images)
            ranges = quantizer.calibrate(canvases, way)
            trial = trials.measure(_quantized(quantizer, ranges, way))
            logger.info("INT8 by %s: mAP50-95 falls by %.2f points", _name(way), trial.drop)
            tried.append((way, ranges, trial))
        way, ranges, best = min(tried, key=lambda entry: entry[2].drop)
        losses = ", ".join(f"{_name(each)} {trial.drop:.2f}" for each, _, trial in tried)
        notes = [
            f"ranges by {_name(way)}, chosen by mAP50-95 on {len(trials.val.images)} validation images; loss in points "
            f"of each way tried: {losses}"
        ]
        if best.drop > config.most_drop and config.trials_in_float:
            best, note = _leave_in_float(quantizer, ranges, way, best, trials, card, what, data, config)
            notes.append(note)
        notes.append(f"mAP50-95 on these images, FP32 and INT8: {_figures(trials.reference, best.accuracy)}")
    return best.content, tuple(notes)


def _leave_in_float(
    quantizer: Quantizer,
    ranges: Ranges,
    way: QuantizationConfig,
    start: _Trial,
    trials: _Trials,
    card: Card,
    what: str,
    data: BuildData,
    config: SearchConfig,
) -> tuple[_Trial, str]:
    """Leaves the most sensitive layers in float, one more at a time, until the loss is small enough.

    Two layers may help only together (one gives what the other reads), so a layer that did not help alone stays.

    Returns:
        The trial that lost least, of the fewest layers, and a sentence about it.
    """
    canvases = CalibrationCanvases.of_training(card, data, what=what, count=config.sensitivity_images)
    ranked = list(sensitivities(quantizer, ranges, canvases, way, data.threads))[: config.trials_in_float]
    best, kept = start, 0
    for count, name in enumerate(ranked, start=1):
        trial = trials.measure(_quantized(quantizer, ranges, way, ranked[:count]))
        logger.info("INT8 with %s in float, too (%d layers): mAP50-95 falls by %.2f points", name, count, trial.drop)
        if trial.drop < best.drop:
            best, kept = trial, count
        if best.drop <= config.most_drop:
            break
    if not kept:
        return best, f"none of the {len(ranked)} most sensitive layers helped in float, so all are in INT8"
    return best, (
        f"in float, of {len(quantizer.units)} convolutions, the most sensitive: {', '.join(ranked[:kept])}; the loss "
        f"fell from {start.drop:.2f} to {best.drop:.2f} points"
    )


def _quantized(
    quantizer: Quantizer, ranges: Ranges, way: QuantizationConfig, in_float: list[str] | None = None
) -> bytes:
    return quantizer.quantize(
        ranges, per_channel=way.per_channel, reduce_range=way.reduce_range, in_float=in_float or ()
    )


def _name(way: QuantizationConfig) -> str:
    method = f"percentile {way.percentile}" if way.method == "percentile" else way.method
    return f"{method} over {way.calibration_images} images"


def _figures(reference: Mapping[str, float], accuracy: Mapping[str, float]) -> str:
    if not reference:
        return "none, because these images hold no object"
    return ", ".join(f"{name} {figure:.4f} and {accuracy[name]:.4f}" for name, figure in reference.items())
