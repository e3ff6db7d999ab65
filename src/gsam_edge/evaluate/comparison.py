"""One row per artefact: how well, how fast, how large; and the same as tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.errors import DatasetError
from gsam_edge.coco.predictions import by_image
from gsam_edge.evaluate.measure import Measurement
from gsam_edge.metrics.detection import IouType, class_map50, evaluate_predictions
from gsam_edge.metrics.figures import same_device
from gsam_edge.metrics.mask_overlap import matched_mask_iou

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
    "peak_gpu_memory_mb": 0,
}
#: What and how was measured, over what.
_CONDITIONS = ("artefact", "runtime", "device", "images", "objects", "score_threshold")
_MASK_IOU_COUNTS = ("mask_iou_compared", "mask_iou_objects")
#: Headings of the printed table.
_HEADINGS = {
    "box_map50": "box\nmAP50",
    "box_map50_95": "box\nmAP50-95",
    "mask_map50": "mask\nmAP50",
    "mask_map50_95": "mask\nmAP50-95",
    "mask_iou": "mask IoU\nof found",
    "size_mb": "size\nMB",
    "latency_ms_median": "latency\nms p50",
    "latency_ms_p95": "latency\nms p95",
    "peak_memory_mb": "memory\nMB peak",
    "peak_gpu_memory_mb": "GPU MB\npeak",
}
_HIGHER_IS_BETTER = {"box_map50", "box_map50_95", "mask_map50", "mask_map50_95"}
_METRICS: tuple[tuple[str, IouType], ...] = (("box", "bbox"), ("mask", "segm"))


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
    """One artefact's row of the catalog's `comparison`.

    Args:
        artefact: the catalog name, or "teacher".
        runtime: what ran it, for instance "onnxruntime 1.31 CPU".
        truth: the split; the measurement's predictions are in the order of its images.
        measurement: see `measure`.
        device: what it ran on, "cpu" or "cuda"; times are compared between artefacts of one device only.
        score_threshold: objects that scored less (0..1) were dropped before the measurement saw them; None where the
            artefact was given the true boxes and drops nothing.
        size_mb: megabytes (10^6 bytes) that must be shipped to run it.
        match_box_iou: see `matched_mask_iou`.

    Returns:
        `artefact`, `runtime`, `device`, `images` and `objects` (crowd regions aside) of the split, `score_threshold`,
        the figures of `DECIMALS` that apply (box figures of a dataset without boxes compare the tight boxes of the
        masks), beside `mask_iou` the number of objects that it was taken over as `mask_iou_compared` and of objects
        with a mask as `mask_iou_objects`, `timed_calls`, `threads`, and `per_class`: class names to {box_map50,
        mask_map50}. All megabytes are 10^6 bytes. What does not apply is absent.

    Raises:
        DatasetError: if the split holds no object.
        ValueError: if there is not one prediction per image, or one does not fit the truth
            (see `evaluate_predictions`).
    """
    objects = count_objects(truth)
    predictions = by_image(truth, measurement.predictions)
    row: dict[str, Any] = {"artefact": artefact, "runtime": runtime, "device": device}
    row |= {"images": len(truth.images), "objects": objects}
    if score_threshold is not None:
        row["score_threshold"] = score_threshold
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
        row |= {"mask_iou_compared": overlap.compared, "mask_iou_objects": overlap.objects}
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


def count_objects(truth: Annotations) -> int:
    """How many objects, crowd regions aside, the test split holds.

    Raises:
        DatasetError: if it holds none: no accuracy could be told.
    """
    objects = int((~truth.columns.is_crowd).sum())
    if not objects:
        raise DatasetError(
            f"test split: expected at least one object in {len(truth.images)} images, got none (crowd regions do not "
            "count), so no accuracy can be measured; label some of these images, or give the split other ones"
        )
    return objects


def comparison_frame(rows: Sequence[Mapping[str, Any]], *, reference: str = "teacher") -> "pd.DataFrame":
    """Rows of `comparison_row` as a table for people, in their order, rounded as `DECIMALS` says.

    Columns that no row has are left out. If a row's artefact is `reference`, each row also tells `times_faster` (median
    latency of the reference over its own, only where both ran on the same device), `times_smaller` (likewise the size,
    on any device) and `box_map50_kept` (its share of the reference's).
    """
    import pandas as pd

    base = next((row for row in rows if row["artefact"] == reference), None)
    lines = []
    for row in rows:
        line = {name: row[name] for name in (*_CONDITIONS, *_MASK_IOU_COUNTS) if name in row}
        line |= {name: round(row[name], digits) for name, digits in DECIMALS.items() if name in row}
        lines.append(line if base is None else line | _relative(row, base))
    present = {name for line in lines for name in line}
    columns = [*_CONDITIONS, *DECIMALS, *_MASK_IOU_COUNTS, "times_faster", "times_smaller", "box_map50_kept"]
    return pd.DataFrame(lines, columns=[name for name in columns if name in present])


def console_table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    """Rows of `comparison_row` as a rich table; what is absent is a dash.

    The best value of a column is bold where several rows have one. Under the mask IoU stands of how many objects it
    is the mean; it has no best value, because an artefact that finds only what is easy has the highest.
    """
    from rich.table import Table

    columns = [name for name in DECIMALS if any(name in row for row in rows)]
    best = {}
    for name in columns:
        values = [row[name] for row in rows if name in row]
        if len(values) > 1 and name != "mask_iou":
            best[name] = (max if name in _HIGHER_IS_BETTER else min)(values)
    over = f": {rows[0]['images']} images, {rows[0]['objects']} objects" if rows else ""
    table = Table(title=f"Comparison on the test split{over}", title_justify="left", header_style="bold")
    # Where the console is narrow, the runtime is wrapped, never a name or a number.
    table.add_column("artefact\nruntime", min_width=max((len(row["artefact"]) for row in rows), default=0))
    for name in columns:
        table.add_column(_HEADINGS[name], justify="right", no_wrap=True)
    for row in rows:
        cells = []
        for name in columns:
            text = f"{row[name]:.{DECIMALS[name]}f}" if name in row else "-"
            if name == "mask_iou" and name in row:
                text += f"\n{row['mask_iou_compared']}/{row['mask_iou_objects']}"
            cells.append(f"[bold green]{text}[/]" if name in row and row[name] == best.get(name) else text)
        table.add_row("\n".join([row["artefact"], *(f"[dim]{part}[/]" for part in row["runtime"].split(", "))]), *cells)
    return table


def _relative(row: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, float]:
    """A row's figures relative to a reference row, where both have them and they say something together."""
    ratios = {
        "times_faster": (base["latency_ms_median"] if same_device(row, base) else None, row["latency_ms_median"]),
        "times_smaller": (base["size_mb"], row["size_mb"]),
        "box_map50_kept": (row.get("box_map50"), base.get("box_map50")),
    }
    return {name: round(above / below, 2) for name, (above, below) in ratios.items() if above is not None and below}
