"""The comparison of artefacts: one row of accuracy, speed and size each, and the rows as a table."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.predictions import by_image
from gsam_edge.metrics.figures import FIGURES, RATIOS, count_names, figures_of
from gsam_edge.metrics.mask_overlap import MaskOverlap
from gsam_edge.metrics.measured import EvaluatedDetector, Measurement
from gsam_edge.metrics.rows import finds_nothing
from gsam_edge.vision.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

#: What is timed: in turns where artefacts are compared.
_OF_TIMES = ("latency_ms_median", "latency_ms_p95", "fps", "stages_ms", "timed_calls")
#: Columns of what is seen at the threshold in use.
_IN_USE = ("missed_per_100_images", "false_alarms_per_100_images")
#: Columns that say what was measured, how, and on what.
_CONDITIONS = ("artefact", "runtime", "device", "images", "objects", "score_threshold")


class NothingMeasuredError(UserError):
    """There is no artefact whose figures could be compared."""


def comparison_row(
    artefact: str,
    runtime: str,
    truth: Annotations,
    measurement: Measurement,
    *,
    device: str,
    score_threshold: float | None,
    size_mb: float,
    match_box_iou: float,
) -> dict[str, Any]:
    """Returns one artefact's row of the catalog's `comparison`.

    Args:
        artefact: the catalog name, or "teacher".
        runtime: library and version that ran it, for instance "onnxruntime 1.31 CPU".
        truth: the split; the measurement's predictions are in the order of its images.
        measurement: see `measure`.
        device: what it ran on, "cpu" or "cuda"; times are compared between artefacts of one device only.
        score_threshold: objects that scored less (0..1) were dropped before the metrics; None where the artefact
            was given the true boxes and drops nothing.
        size_mb: megabytes (10^6 bytes) that must be shipped to run it.
        match_box_iou: see `matched_mask_iou`.

    Returns:
        `artefact`, `runtime`, `device`, `images` and `objects` (crowd regions aside) of the split, `score_threshold`,
        the figures of `FIGURES` that apply, for a mean over objects also over how many (`mask_iou_compared`) of how
        many (`mask_iou_objects`), `timed_calls`, `threads`, and `per_class`: class names to {box_map50, mask_map50}.
        All megabytes are 10^6 bytes. What does not apply is absent.

    Raises:
        InvalidDatasetError: if the split holds no object.
        ValueError: if there is not one prediction per image, or one does not fit the truth
            (see `evaluate_predictions`).
    """
    objects = count_objects(truth, "test")
    predictions = by_image(truth, measurement.predictions)
    row: dict[str, Any] = {"artefact": artefact, "runtime": runtime, "device": device}
    row |= {"images": len(truth.images), "objects": objects}
    if score_threshold is not None:
        row["score_threshold"] = score_threshold
    evaluated = EvaluatedDetector(truth, predictions, measurement, size_mb, match_box_iou)
    per_class: dict[str, dict[str, float]] = {name: {} for name in truth.class_names}
    for figure in figures_of(evaluated.task):
        value = figure.value(evaluated)
        if isinstance(value, MaskOverlap):
            counts = zip(count_names(figure.name), (value.compared, value.objects), strict=True)
            row |= {figure.name: value.mean_iou, **dict(counts)}
        elif value is not None:
            row[figure.name] = value
        if figure.per_class is not None:
            for class_name, of_class in figure.per_class(evaluated).items():
                per_class[class_name][figure.name] = of_class
    row |= {"timed_calls": measurement.timed_calls, "threads": measurement.threads}
    return row | {"per_class": {name: values for name, values in per_class.items() if values}}


def count_objects(truth: Annotations, split: str) -> int:
    """Returns how many objects, crowd regions aside, a split holds; `split` is its name.

    Raises:
        InvalidDatasetError: if it holds none, so that no accuracy can be computed.
    """
    objects = int((~truth.columns.is_crowd).sum())
    if not objects:
        raise InvalidDatasetError(
            f"{split} split: expected at least one object in {len(truth.images)} images, got none (crowd regions do "
            "not count), so no accuracy can be measured; label some of these images, or give the split other ones"
        )
    return objects


def comparison_rows(measurements: Mapping[str, Row], times: Mapping[str, Row]) -> list[Row]:
    """Returns the rows of the artefacts that could be measured, with their times in turns.

    Args:
        measurements: by artefact its row, or `status` and `why` where it was not built or failed.
        times: see `timing.time_artefacts`.

    Raises:
        NothingMeasuredError: if no artefact could be measured.
    """
    rows = [with_times(row, times) for row in measurements.values() if "status" not in row]
    if not rows:
        reasons = "; ".join(f"{name}: {row['why']}" for name, row in measurements.items())
        raise NothingMeasuredError(
            f"comparison: expected at least one artefact that can be measured, got none: {reasons}"
        )
    return rows


def with_times(row: Row, times: Mapping[str, Row]) -> Row:
    """Returns a row with the times in turns in the place of those that it was measured with alone.

    Where `times` say why there are none, the row has none either, and `latency_why`.
    """
    own = times[row["artefact"]]
    if "why" in own:
        return {name: value for name, value in row.items() if name not in _OF_TIMES} | {"latency_why": own["why"]}
    joined = {**row, **own, "fps": 1000 / own["latency_ms_median"]}
    return joined | ({"stages_ms": row["stages_ms"] | own["stages_ms"]} if "stages_ms" in row else {})


def comparison_frame(rows: Sequence[Mapping[str, Any]], *, reference: str = "teacher") -> "pd.DataFrame":
    """Returns rows of `comparison_row` as a table, in their order, rounded as `FIGURES` says.

    Columns that no row has are left out. The ends of a figure's 95 % interval are `<figure>_low` and `<figure>_high`,
    and what is missed and invented in use `missed_per_100_images` and `false_alarms_per_100_images`. If a row's
    artefact is `reference`, each row also holds the `RATIOS` to it, where they can be computed: `times_faster` (median
    latency, only where both ran on the same device), `times_smaller` (size, on any device) and `box_map50_kept` (its
    share of the reference's). What finds next to nothing is called neither faster nor smaller.
    """
    import pandas as pd

    base = next((row for row in rows if row["artefact"] == reference), None)
    counts = [name for figure in FIGURES for name in count_names(figure)]
    ends = [f"{name}_{end}" for name in FIGURES for end in ("low", "high")]
    lines = []
    for row in rows:
        line = {name: row[name] for name in (*_CONDITIONS, *counts) if name in row}
        line |= {name: round(row[name], figure.decimals) for name, figure in FIGURES.items() if name in row}
        for name, interval in row.get("intervals", {}).items():
            decimals = FIGURES[name].decimals
            line |= {
                f"{name}_{end}": round(value, decimals) for end, value in zip(("low", "high"), interval, strict=True)
            }
        counted = row.get("at_threshold", {}).get("per_100_images", {})
        line |= {f"{name}_per_100_images": round(value, 1) for name, value in counted.items() if name != "found"}
        lines.append(line if base is None else line | _ratios(row, base))
    present = {name for line in lines for name in line}
    columns = [*_CONDITIONS, *FIGURES, *counts, *_IN_USE, *ends, *(ratio.name for ratio in RATIOS)]
    return pd.DataFrame(lines, columns=[name for name in columns if name in present])


def _ratios(row: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, float]:
    """Returns a row's ratios to a reference row, rounded, where they can be computed."""
    of_use = not finds_nothing(row) and not finds_nothing(base)
    ratios = {ratio.name: ratio.of(row, base) for ratio in RATIOS if of_use or ratio.word is None}
    return {name: round(value, 2) for name, value in ratios.items() if value is not None}
