"""The plot of a distillation's arms."""

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.report.plots.classes import FIGURE_DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE = "#262626", "#8c8c8c"
_COLOURS = {"distilled": "#d95f02", "teacher": "#7570b3", "oracle": "#8c8c8c"}
_CONTROL_COLOUR = "#1b9e77"
#: Most classes in the panel of classes; of more, those that gain and lose most.
_MOST_CLASSES = 16
#: How many bold characters of the title's size fit beside each other.
_CHARACTERS_PER_INCH = 10.5
_SHOWN = ("box_map50", "box_map50_95", "mask_map50", "mask_map50_95")


def plot_distillation_arms(report: Mapping[str, Any]) -> "Figure":
    """Plots each arm's figures with their intervals, and what the distilled student gains over a control in each class.

    Args:
        report: see `distill.reports.distillation_report`.
    """
    from matplotlib.figure import Figure

    titles = report["titles"]
    figures_of = {**report["arms"], "teacher": report.get("teacher")}
    rows = {name: figures_of[name] for name in titles if figures_of[name]}
    shown = [name for name in _SHOWN if any(name in figures for figures in rows.values())]
    classes = _classes(report)
    lines = max(len(rows), len(classes) // 2, 3)
    width = 3.0 * max(len(shown), 2) + 5.0
    figure = Figure(figsize=(width, 1.9 + 0.5 * lines), layout="constrained", dpi=FIGURE_DPI)
    told = report["verdict"][0].upper() + report["verdict"][1:]
    figure.suptitle(
        literal(fill(told, int(_CHARACTERS_PER_INCH * width))),
        x=0.01,
        ha="left",
        fontsize=11,
        fontweight="bold",
        color=_INK,
    )
    panels = figure.subplots(1, len(shown) + 1, width_ratios=[3.0] * len(shown) + [4.0], squeeze=False)[0]
    for axes, name in zip(panels, shown, strict=False):
        _draw_arms(axes, rows, name)
        axes.set_yticks(range(len(rows)), [titles[row] for row in rows] if axes is panels[0] else [""] * len(rows))
        axes.set_ylim(len(rows) - 0.5, -0.5)
    _draw_classes(panels[-1], classes, titles)
    seeds, test = len(report["seeds"]), report["images"]["test"]
    luck = f"{seeds} seeds" if seeds > 1 else "one seed"
    over = "images and seeds" if seeds > 1 else "images"
    intervals = any("ci95" in figures[name] for figures in rows.values() for name in figures)
    figure.supxlabel(
        f"{test} test images, {luck}" + (f"; lines are 95 % intervals over {over}" if intervals else ""),
        x=0.01,
        ha="left",
        fontsize=9,
        color=_PALE,
    )
    return figure


def _draw_arms(axes: "Axes", rows: Mapping[str, Mapping[str, Any]], name: str) -> None:
    for line, (arm, figures) in enumerate(rows.items()):
        if name not in figures:
            axes.text(
                0.02, line, "does not apply", fontsize=8, color=_PALE, va="center", transform=axes.get_yaxis_transform()
            )
            continue
        value, colour = figures[name]["mean"], _COLOURS.get(arm, _CONTROL_COLOUR)
        low, high = figures[name].get("ci95", (value, value))
        axes.plot([low, high], [line, line], color=colour, linewidth=3, alpha=0.45, solid_capstyle="butt")
        axes.plot(value, line, "o", color=colour, markersize=7)
        axes.annotate(
            f"{value:.3f}", (value, line), (0, 8), textcoords="offset points", ha="center", fontsize=9, color=_INK
        )
    _plain(axes, FIGURES[name].heading.replace("\n", " "))


def _draw_classes(axes: "Axes", classes: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    controls = [name for name in titles if any(name in gains for gains in classes.values())]
    colours = dict(zip(controls, ("#1b9e77", "#66a61e", "#e6ab02"), strict=False))
    if not controls:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no control was trained", transform=axes.transAxes, ha="center", color=_PALE)
        return
    axes.axvline(0, color=_PALE, linewidth=1)
    for line, gains in enumerate(classes.values()):
        for number, name in enumerate(controls):
            gain, place = gains[name], line + 0.22 * (number - (len(controls) - 1) / 2)
            low, high = gain.get("ci95", (gain["mean"],) * 2)
            axes.plot([low, high], [place, place], color=colours[name], linewidth=2.5, alpha=0.45)
            label = f"over {titles[name]}" if line == 0 else None
            axes.plot(gain["mean"], place, "o", color=colours[name], markersize=5, label=label)
    names = [literal(name) for name in classes]
    axes.set_yticks(range(len(names)), names, fontfamily=font_families(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    _plain(axes, "gain in each class, boxes, mAP50-95")
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.1))


def _classes(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns the classes to show with the gains of each, those with the largest gain first."""
    gains = {name: entry["gains"] for name, entry in report["per_class"].items() if entry["gains"]}
    ordered = sorted(gains, key=lambda name: -next(iter(gains[name].values()))["mean"])
    if len(ordered) > _MOST_CLASSES:
        ordered = ordered[: _MOST_CLASSES // 2] + ordered[-_MOST_CLASSES // 2 :]
    return {name: gains[name] for name in ordered}


def _plain(axes: "Axes", title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=_INK)
    axes.tick_params(axis="y", length=0, labelsize=9, labelcolor=_INK)
    axes.tick_params(axis="x", labelsize=8, labelcolor=_PALE)
    axes.margins(x=0.12)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
