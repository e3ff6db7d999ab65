"""One row per artefact: how well, how fast, how large; and the same as tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.evaluate.coco_metrics import IouType, class_map50, evaluate_predictions
from gsam_edge.evaluate.mask_iou import matched_mask_iou
from gsam_edge.evaluate.measure import Measurement
from gsam_edge.evaluate.packing import PredictionsOfImages

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

#: The figures of a row in their order, with the decimals that a table shows.
DECIMALS = {
    "box_map50": 3,
    "box_map50_95": 3,
    "mask_map50": 3,
    "mask_map50_95": 3,
    "mask_iou": 3,
    "size_mb": 1,
    "latency_ms_median": 1,
    "latency_ms_p95": 1,
    "peak_memory_mb": 0,
}
#: Headings of the printed table.
_HEADINGS = {
    "box_map50": "box\nmAP50",
    "box_map50_95": "box\nmAP50-95",
    "mask_map50": "mask\nmAP50",
    "mask_map50_95": "mask\nmAP50-95",
    "mask_iou": "mask\nIoU",
    "size_mb": "size\nMB",
    "latency_ms_median": "latency\nms median",
    "latency_ms_p95": "latency\nms p95",
    "peak_memory_mb": "memory\nMB peak",
}
_HIGHER_IS_BETTER = {"box_map50", "box_map50_95", "mask_map50", "mask_map50_95", "mask_iou"}
_METRICS: tuple[tuple[str, IouType], ...] = (("box", "bbox"), ("mask", "segm"))


def comparison_row(
    artefact: str,
    runtime: str,
    truth: Annotations,
    measurement: Measurement,
    *,
    size_mb: float,
    match_box_iou: float,
) -> dict[str, Any]:
    """One artefact's row of the catalog's `comparison`.

    Args:
        artefact: the catalog name, or "teacher".
        runtime: what ran it, for instance "onnxruntime 1.31 CPU".
        truth: the split; the measurement's predictions are in the order of its images.
        measurement: see `measure`.
        size_mb: megabytes (10^6 bytes) that must be shipped to run it.
        match_box_iou: see `matched_mask_iou`.

    Returns:
        `artefact`, `runtime`, the figures of `DECIMALS` that apply (box figures of a dataset without boxes compare the
        tight boxes of the masks), `timed_calls`, `threads`, where a GPU was used `peak_gpu_memory_mb`, and `per_class`:
        class names to {box_map50, mask_map50}. What does not apply is absent.

    Raises:
        ValueError: if there is not one prediction per image, or one does not fit the truth (see
            `evaluate_predictions`).
    """
    predictions = PredictionsOfImages([image["id"] for image in truth.images], measurement.predictions)
    row: dict[str, Any] = {"artefact": artefact, "runtime": runtime}
    per_class: dict[str, dict[str, float]] = {name: {} for name in truth.class_names}
    for prefix, iou_type in _METRICS:
        evaluation = evaluate_predictions(truth, predictions, iou_type)
        if evaluation is None:
            continue
        figures = evaluation.figures
        row |= {f"{prefix}_{name}": figures[name] for name in ("map50", "map50_95") if name in figures}
        for name, value in class_map50(truth, evaluation).items():
            per_class[name][f"{prefix}_map50"] = value
    overlap = matched_mask_iou(truth, predictions, match_box_iou)
    if overlap is not None:
        row["mask_iou"] = overlap.mean_iou
    row |= {
        "size_mb": size_mb,
        "latency_ms_median": measurement.latency_ms_median,
        "latency_ms_p95": measurement.latency_ms_p95,
        "peak_memory_mb": measurement.peak_memory_mb,
        "timed_calls": measurement.timed_calls,
        "threads": measurement.threads,
    }
    if measurement.peak_gpu_memory_mb is not None:
        row["peak_gpu_memory_mb"] = measurement.peak_gpu_memory_mb
    return row | {"per_class": {name: values for name, values in per_class.items() if values}}


def comparison_frame(rows: Sequence[Mapping[str, Any]], *, reference: str = "teacher") -> "pd.DataFrame":
    """Rows of `comparison_row` as a table for people, in their order, rounded as `DECIMALS` says.

    Columns that no row has are left out. If a row's artefact is `reference`, each row also tells `times_faster` (median
    latency of the reference over its own), `times_smaller` (likewise the size) and `box_map50_kept` (its share of the
    reference's).
    """
    import pandas as pd

    base = next((row for row in rows if row["artefact"] == reference), None)
    lines = []
    for row in rows:
        line = {"artefact": row["artefact"], "runtime": row["runtime"]}
        line |= {name: round(row[name], digits) for name, digits in DECIMALS.items() if name in row}
        lines.append(line if base is None else line | _relative(row, base))
    present = {name for line in lines for name in line}
    columns = ["artefact", "runtime", *DECIMALS, "times_faster", "times_smaller", "box_map50_kept"]
    return pd.DataFrame(lines, columns=[name for name in columns if name in present])


def console_table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """Rows of `comparison_row` as a rich table; the best value of each column is bold, what is absent is a dash."""
    from rich.table import Table

    columns = [name for name in DECIMALS if any(name in row for row in rows)]
    best = {
        name: (max if name in _HIGHER_IS_BETTER else min)(row[name] for row in rows if name in row) for name in columns
    }
    table = Table(title="Comparison on the test split", title_justify="left", header_style="bold")
    table.add_column("artefact", no_wrap=True)
    table.add_column("runtime")
    for name in columns:
        table.add_column(_HEADINGS[name], justify="right")
    for row in rows:
        cells = []
        for name in columns:
            text = f"{row[name]:.{DECIMALS[name]}f}" if name in row else "-"
            cells.append(f"[bold green]{text}[/]" if row.get(name) == best[name] and len(rows) > 1 else text)
        table.add_row(row["artefact"], row["runtime"], *cells)
    return table


def _relative(row: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, float]:
    """A row's figures relative to a reference row, where both have them."""
    ratios = {
        "times_faster": (base["latency_ms_median"], row["latency_ms_median"]),
        "times_smaller": (base["size_mb"], row["size_mb"]),
        "box_map50_kept": (row.get("box_map50"), base.get("box_map50")),
    }
    return {name: round(above / below, 2) for name, (above, below) in ratios.items() if above is not None and below}
