"""Plots of a model's mistakes: confusion of classes, precision by recall, right detections by score."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gsam_edge.report.draw import PALETTE
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.report.plots.classes import FIGURE_DPI, shown_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE, _BLUE, _ORANGE = "#262626", "#8c8c8c", "#0072b2", "#d55e00"
#: Curves that are told apart by colour.
_MOST_CURVES = len(PALETTE)


def plot_confusion(confusion: Mapping[str, Any]) -> "Figure":
    """Plots which class is taken for which: a row for each true class, a column for each found one.

    The colour is the share of the row; of the background's row, which has no whole, that of all false alarms.

    Args:
        confusion: `names` and `counts` (see `metrics.coco.diagnosis.confusion`).
    """
    from matplotlib.figure import Figure

    every = np.asarray(confusion["counts"], np.int64)
    shown = [*shown_classes(every[:-1].sum(axis=1).tolist()), len(every) - 1]
    names, counts = [confusion["names"][row] for row in shown], every[np.ix_(shown, shown)]
    share = counts / np.maximum(every[shown].sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.55 * len(names)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained", dpi=FIGURE_DPI)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = 9 if len(names) <= 12 else 6
    for row, column in np.argwhere(counts > 0):
        pale = share[row, column] > 0.55
        axes.text(
            column, row, counts[row, column], ha="center", va="center", fontsize=size, color="white" if pale else _INK
        )
    labels = [literal(name) for name in names]
    fonts = font_families(names)
    axes.set_xticks(range(len(names)), labels, fontfamily=fonts, fontsize=9, rotation=45, ha="right", color=_INK)
    axes.set_yticks(range(len(names)), labels, fontfamily=fonts, fontsize=9, color=_INK)
    axes.set_xlabel("found as (background: missed)", fontsize=9, color=_PALE)
    axes.set_ylabel("is (background: false alarm)", fontsize=9, color=_PALE)
    some = "" if len(names) == len(every) else f", {len(names) - 1} of {len(every) - 1} classes"
    axes.set_title(
        f"Objects by true and found class, at the recommended scores{some}",
        loc="left", fontsize=11, fontweight="bold", color=_INK,
    )  # fmt: skip
    for line in (len(names) - 1.5,):
        axes.axhline(line, color=_PALE, linewidth=0.8)
        axes.axvline(line, color=_PALE, linewidth=0.8)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def plot_precision_recall(
    curves: Mapping[str, Sequence[Sequence[float]]], per_class: Mapping[str, Mapping[str, Any]]
) -> "Figure":
    """Plots precision by recall of each class at IoU 0.5, and where the recommended score lies on it.

    Args:
        curves: class names to [recall, precision] (see `metrics.coco.diagnosis.curves`).
        per_class: class names to `box_map50`, `precision` and `recall` as {value}; what is absent is not drawn.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.4), layout="constrained", dpi=FIGURE_DPI)
    axes = figure.subplots()
    by_figure = sorted(curves, key=lambda name: -_value(per_class, name, "box_map50"))
    few = len(by_figure) <= _MOST_CURVES
    for index, name in enumerate(by_figure):
        colour = tuple(channel / 255 for channel in PALETTE[index]) if few else _PALE
        points = np.asarray(curves[name] or [[0.0, 0.0]], np.float64)
        label = f"{literal(name)}  AP50 {_value(per_class, name, 'box_map50'):.2f}" if few else None
        axes.plot(points[:, 0], points[:, 1], color=colour, linewidth=1.6 if few else 0.7, label=label)
        at = _value(per_class, name, "recall"), _value(per_class, name, "precision")
        if few and not np.isnan(at).any():
            axes.plot(*at, marker="o", color=colour, markersize=6, markeredgecolor="white")
    if by_figure and not few:
        grid = np.linspace(0, 1, 101)
        mean = np.mean([_on_grid(curves[name], len(grid)) for name in by_figure], axis=0)
        axes.plot(grid, mean, color=_BLUE, linewidth=2.2, label=f"mean of {len(by_figure)} classes")
    if not by_figure:
        axes.text(0.5, 0.5, "no objects of any class", ha="center", color=_PALE)
    _unit_axes(axes, "recall: share of the objects that are found", "precision: share of the detections that are right")
    title = "Precision by recall, box IoU from 0.5" + (" (dot: at the recommended score)" if few else "")
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=_INK)
    if by_figure:
        axes.legend(
            prop={"family": font_families(by_figure), "size": 8}, frameon=False, loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
        )  # fmt: skip
    return figure


def plot_reliability(calibration: Mapping[str, Any]) -> "Figure":
    """Plots which share of the detections of a score is right; on the diagonal a score is that share.

    Args:
        calibration: `ece` and `bins` (see `metrics.coco.diagnosis.calibration`); empty without detections.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2, 6), layout="constrained", dpi=FIGURE_DPI)
    axes, counts = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    bins = [each for each in calibration.get("bins", ()) if each["count"]]
    width = [0.92 * (each["high"] - each["low"]) for each in bins]
    middle = [(each["low"] + each["high"]) / 2 for each in bins]
    axes.bar(middle, [each["correct"] for each in bins], width, color=_BLUE, label="share that is right")
    axes.plot([0, 1], [0, 1], color=_PALE, linewidth=1, linestyle="--", label="as the score says")
    axes.plot(
        [each["score"] for each in bins], [each["correct"] for each in bins], color=_ORANGE, linewidth=1, marker="o",
        markersize=4, label="at the mean score",
    )  # fmt: skip
    _unit_axes(axes, "", "share of right detections")
    ece = f": expected calibration error {calibration['ece']:.3f}" if bins else ": nothing is detected"
    axes.set_title(f"Scores and right detections{ece}", loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    bars = counts.bar(middle, [each["count"] for each in bins], width, color=_PALE)
    counts.bar_label(bars, fontsize=7, color=_INK, padding=1)
    counts.set_xlabel("score", fontsize=9, color=_PALE)
    counts.set_ylabel("detections", fontsize=9, color=_PALE)
    counts.set_yticks([])
    counts.margins(y=0.25)
    counts.spines[["top", "right", "left"]].set_visible(False)
    return figure


def _value(per_class: Mapping[str, Mapping[str, Any]], name: str, figure: str) -> float:
    found = per_class.get(name, {}).get(figure)
    return float("nan") if found is None else float(found["value"])


def _on_grid(curve: Sequence[Sequence[float]], points: int) -> list[float]:
    """Returns the precision at each recall of the grid; 0 where the curve does not reach it."""
    precision = [value for _, value in curve]
    return precision + [0.0] * (points - len(precision))


def _unit_axes(axes: "Axes", x_label: str, y_label: str) -> None:
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(x_label, fontsize=9, color=_PALE)
    axes.set_ylabel(y_label, fontsize=9, color=_PALE)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
