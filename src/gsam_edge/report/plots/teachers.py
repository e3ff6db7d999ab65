"""The plot of what tuning gained: base against tuned for each class."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gsam_edge.report.fonts import font_families, literal
from gsam_edge.report.plots.classes import FIGURE_DPI, shown_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE = "#262626", "#8c8c8c"
_BASE, _TUNED = "#bdbdbd", "#0072b2"


def plot_teacher_classes(report: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """Plots the figure of each class before and after tuning, with the number of its objects.

    Args:
        report: the `teacher_report`; each teacher with a `per_class` has a panel, of the others the reason is written.
    """
    from matplotlib.figure import Figure

    shown = {name: part for name, part in report.items() if part.get("per_class")}
    absent = {name: part.get("why", "no object to measure it by") for name, part in report.items() if name not in shown}
    lines = max((len(shown_classes(_objects(part))) for part in shown.values()), default=0)
    figure = Figure(
        figsize=(5.6 * max(1, len(shown)), 1.9 + 0.55 * max(2, lines)), layout="constrained", dpi=FIGURE_DPI
    )
    if shown:
        panels = figure.subplots(1, len(shown), squeeze=False)[0]
        for axes, (name, part) in zip(panels, shown.items(), strict=True):
            _draw_classes(axes, name, part)
    _say_absent(figure, absent, alone=not shown)
    return figure


def _draw_classes(axes: "Axes", name: str, part: Mapping[str, Any]) -> None:
    every = list(part["per_class"].items())
    rows = [every[row] for row in shown_classes(_objects(part))]
    stages = [stage for stage in ("base", "tuned") if stage in part]
    height = 0.76 / len(stages)
    for index, stage in enumerate(stages):
        at = [row + (index - (len(stages) - 1) / 2) * height for row in range(len(rows))]
        values = [figures[stage] for _, figures in rows]
        bars = axes.barh(at, values, height * 0.9, color=_BASE if stage == "base" else _TUNED, label=stage)
        axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=4, fontsize=8.5, color=_INK)
    names = [f"{class_name} ({figures['objects']})" for class_name, figures in rows]
    axes.set_yticks(range(len(rows)), map(literal, names), fontfamily=font_families(names), fontsize=9, color=_INK)
    axes.set(xlim=(0, 1.12), ylim=(len(rows) - 0.45, -0.55), xticks=[0, 0.5, 1])
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, length=0)
    figure = next(iter(part["base"]))
    left_out = "" if len(rows) == len(every) else f", {len(rows)} of {len(every)} classes"
    axes.set_title(f"{name}: {figure}{left_out}", loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.set_xlabel("\n".join(_judged(part)), loc="left", fontsize=8.5, color=_INK)
    axes.legend(fontsize=8, frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1.0), borderaxespad=0)


def _judged(part: Mapping[str, Any]) -> list[str]:
    """Returns the verdict and the figures as a whole, each in a line."""
    figure = next(iter(part["base"]))
    change = " to ".join(f"{part[stage][figure]:.3f}" for stage in ("base", "tuned") if stage in part)
    lines = [f"all classes: {change}"]
    if "interval" in part:
        interval = part["interval"]
        lines[0] += f", difference {interval['difference']:+.3f} ({interval['low']:+.3f} to {interval['high']:+.3f})"
    return [*lines, part["verdict"]] if "verdict" in part else lines


def _objects(part: Mapping[str, Any]) -> list[int]:
    return [figures["objects"] for figures in part["per_class"].values()]


def _say_absent(figure: "Figure", absent: Mapping[str, str], *, alone: bool) -> None:
    """Writes why parts are absent: below the plot, or in the middle where there is none."""
    if not absent:
        return
    text = "\n".join(f"{name}: {why}" for name, why in absent.items())
    if alone:
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=10, color=_INK)
    else:
        figure.supxlabel(text, x=0.01, ha="left", fontsize=8.5, color=_PALE)
