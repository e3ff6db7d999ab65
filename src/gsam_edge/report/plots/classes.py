"""Objects of each class in each split, and which classes fit in a figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gsam_edge.report.draw import PALETTE
from gsam_edge.report.fonts import font_families, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _PALE = "#262626", "#8c8c8c"
#: Of more classes, a figure shows the most frequent and the rarest.
_MOST_CLASSES = 24
#: Dots per inch of the figures that are no grids of images: legible in kedro-viz and MLflow alike.
FIGURE_DPI = 140


def shown_classes(counts: Sequence[int]) -> list[int]:
    """Returns the classes, by id, that fit in a figure: all in their order, or the most frequent and then the rarest.

    Args:
        counts: objects of each class.
    """
    if len(counts) <= _MOST_CLASSES:
        return list(range(len(counts)))
    order = sorted(range(len(counts)), key=lambda class_id: -counts[class_id])
    return order[: _MOST_CLASSES // 2] + order[-(_MOST_CLASSES // 2) :]


def plot_class_distribution(splits: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """Plots the objects of each class in each split, with each split's share of the class.

    Args:
        splits: `validation_report["splits"]`: split names to {images, per_class: {class name: count}}.

    Raises:
        ValueError: if there are no splits.
    """
    from matplotlib.figure import Figure

    if not splits:
        raise ValueError("splits: expected at least one, got none")
    every = list(dict.fromkeys(name for split in splits.values() for name in split["per_class"]))
    of_all = [sum(split["per_class"].get(name, 0) for split in splits.values()) for name in every]
    shown = shown_classes(of_all)
    names, totals = [every[class_id] for class_id in shown], [of_all[class_id] for class_id in shown]
    figure = Figure(figsize=(9, 1.5 + 0.32 * len(names) * len(splits)), layout="constrained", dpi=FIGURE_DPI)
    axes = figure.subplots()
    height = 0.8 / len(splits)
    for index, (split_name, split) in enumerate(splits.items()):
        counts = [split["per_class"].get(name, 0) for name in names]
        at = [row + (index - (len(splits) - 1) / 2) * height for row in range(len(names))]
        label = f"{split_name.replace('_', ' ')}: {split['images']} images, {sum(split['per_class'].values())} objects"
        colour = [channel / 255 for channel in PALETTE[index % len(PALETTE)]]
        bars = axes.barh(at, counts, height * 0.9, color=colour, label=label)
        shares = [
            f"{count}  ({count / total:.0%})" if total else "0" for count, total in zip(counts, totals, strict=True)
        ]
        axes.bar_label(bars, shares, padding=4, fontsize=8, color=_INK)
    axes.set_yticks(range(len(names)), map(literal, names), fontfamily=font_families(names), fontsize=10, color=_INK)
    axes.invert_yaxis()
    some = "" if len(names) == len(every) else f", the most frequent and the rarest of {len(every)} classes"
    axes.set_title(f"Objects per class and split{some}", loc="left", fontsize=11, fontweight="bold", color=_INK)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.01), ncols=2)
    _tidy(axes)
    return figure


def _tidy(axes: "Axes") -> None:
    """Removes frame, grid and the axis's numbers, and makes room for the numbers beside the bars."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_PALE)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.set_xlim(0, 1.45 * axes.get_xlim()[1])
