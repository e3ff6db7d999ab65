"""The table of an artefact's figures; report, CSV, plot and console iterate it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gsam_edge.coco.annotations import Annotations
from gsam_edge.metrics.detection import CocoEvaluation, class_map50
from gsam_edge.metrics.mask_overlap import MaskOverlap
from gsam_edge.metrics.measured import EvaluatedDetector


@dataclass(frozen=True)
class Panel:
    """A panel of the comparison plot: its title, and as a subtitle the unit and whether more or less is better."""

    title: str
    unit: str


@dataclass(frozen=True)
class Bar:
    """A figure's bar in the comparison plot.

    Attributes:
        panel: a name of `PANELS`.
        label: what the bar shows, for the panel's legend.
        line_to: the figure to which a line extends from the bar's end, or None.
    """

    panel: str
    label: str
    line_to: str | None = None


@dataclass(frozen=True)
class Figure:
    """One figure of an artefact.

    Attributes:
        name: its key in the rows of `comparison` and its column in the table.
        heading: its column's heading on the console, in two lines; empty: it has no column there.
        decimals: number of decimals in tables.
        better: whether higher or lower values are better; None where the best value would mislead.
        tasks: the tasks of artefacts that have it; None: every artefact has it.
        value: computes it; None where it does not apply. A `MaskOverlap` also holds the numbers of objects: the row
            then has `<name>_compared` and `<name>_objects`.
        per_class: class names to the same figure of each class, in class order, for figures that have it.
        bar: where the plot shows it, or None.
    """

    name: str
    heading: str
    decimals: int
    better: Literal["higher", "lower"] | None
    tasks: tuple[str, ...] | None
    value: Callable[[EvaluatedDetector], float | MaskOverlap | None]
    per_class: Callable[[EvaluatedDetector], Mapping[str, float]] | None = None
    bar: Bar | None = None


@dataclass(frozen=True)
class Ratio:
    """The ratio of one figure of two artefacts, above 1 where the first is better.

    Attributes:
        name: its column in the table.
        figure: a name of `FIGURES`.
        one_device: whether it is valid only where both ran on the same device.
        word: what a better artefact is, such as "faster", shown beside the bar; None: only in the table.
    """

    name: str
    figure: str
    one_device: bool
    word: str | None = None

    def of(self, row: Mapping[str, Any], base: Mapping[str, Any]) -> float | None:
        """Returns the ratio of two rows of `comparison`; None where a figure is absent or they cannot be divided."""
        if self.one_device and not same_device(row, base):
            return None
        better, worse = row.get(self.figure), base.get(self.figure)
        if FIGURES[self.figure].better == "lower":
            better, worse = worse, better
        return float(better / worse) if better is not None and worse else None


def same_device(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows of `comparison_row` ran on the same kind of device, so that their times may be divided."""
    return bool(row["device"] == other["device"])


def _coco(evaluation: CocoEvaluation | None, name: str) -> float | None:
    return None if evaluation is None else evaluation.figures.get(name)


def _map50_of_classes(truth: Annotations, evaluation: CocoEvaluation | None) -> Mapping[str, float]:
    return {} if evaluation is None else class_map50(truth, evaluation)


#: The panels of the comparison plot, from left to right.
PANELS: Mapping[str, Panel] = {
    "accuracy": Panel("Accuracy", "mAP50, more is better"),
    "latency": Panel("Latency of one image", "ms, median (line: p95), less is better"),
    "size": Panel("Size", "MB, less is better"),
    "memory": Panel("Peak memory", "MB, less is better"),
}

#: The figures in the order of a row.
FIGURES: Mapping[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure(
            "box_map50", "box\nmAP50", 3, "higher", ("detect",),
            value=lambda of: _coco(of.boxes, "map50"),
            per_class=lambda of: _map50_of_classes(of.truth, of.boxes),
            bar=Bar("accuracy", "boxes"),
        ),
        Figure(
            "box_map50_95", "box\nmAP50-95", 3, "higher", ("detect",),
            value=lambda of: _coco(of.boxes, "map50_95"),
        ),
        Figure(
            "mask_map50", "mask\nmAP50", 3, "higher", ("detect",),
            value=lambda of: _coco(of.masks, "map50"),
            per_class=lambda of: _map50_of_classes(of.truth, of.masks),
            bar=Bar("accuracy", "masks"),
        ),
        Figure(
            "mask_map50_95", "mask\nmAP50-95", 3, "higher", ("detect",),
            value=lambda of: _coco(of.masks, "map50_95"),
        ),
        # An artefact that finds only easy objects has the highest value, so none counts as the best.
        Figure("mask_iou", "mask IoU\nof found", 3, None, ("detect",), value=lambda of: of.mask_overlap),
        Figure("size_mb", "size\nMB", 1, "lower", None, value=lambda of: of.size_mb, bar=Bar("size", "size")),
        Figure(
            "latency_ms_median", "latency\nms p50", 1, "lower", None,
            value=lambda of: of.measurement.latency_ms_median,
            bar=Bar("latency", "median", line_to="latency_ms_p95"),
        ),
        Figure(
            "latency_ms_p95", "latency\nms p95", 1, "lower", None,
            value=lambda of: of.measurement.latency_ms_p95,
        ),
        Figure(
            "fps", "", 1, "higher", None,
            value=lambda of: 1000 / of.measurement.latency_ms_median if of.measurement.latency_ms_median > 0 else None,
        ),
        Figure(
            "peak_memory_mb", "memory\nMB peak", 0, "lower", None,
            value=lambda of: of.measurement.peak_memory_mb,
            bar=Bar("memory", "process"),
        ),
        Figure(
            "peak_gpu_memory_mb", "GPU MB\npeak", 0, "lower", None,
            value=lambda of: of.measurement.peak_gpu_memory_mb,
            bar=Bar("memory", "GPU"),
        ),
    )
}  # fmt: skip

#: The ratios in the order of the table's columns.
RATIOS = (
    Ratio("times_faster", "latency_ms_median", one_device=True, word="faster"),
    Ratio("times_smaller", "size_mb", one_device=False, word="smaller"),
    Ratio("box_map50_kept", "box_map50", one_device=False),
)


def figures_of(task: str) -> tuple[Figure, ...]:
    """Returns the figures that an artefact of a task has, in their order."""
    return tuple(figure for figure in FIGURES.values() if figure.tasks is None or task in figure.tasks)


def count_names(name: str) -> tuple[str, str]:
    """Returns the keys beside a figure that is a mean over objects: how many were compared, and how many there are."""
    return f"{name}_compared", f"{name}_objects"
