"""Plots of a model's mistakes: confusion of classes, precision by recall, right detections by score."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gsam_edge.report.draw import PALETTE
from gsam_edge.report.plots.classes import shown_classes
from gsam_edge.report.plots.interactive import BLUE, ORANGE, PALE, colour, plain, say, styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Curves that are told apart by colour.
_MOST_CURVES = len(PALETTE)
_UNIT = {"range": [0, 1.02], "dtick": 0.2}


def plot_confusion(confusion: Mapping[str, Any]) -> "Figure":
    """Plots which class is taken for which: a row for each true class, a column for each found one.

    The colour is the share of the row; of the background's row, which has no whole, that of all false alarms.

    Args:
        confusion: `names` and `counts` (see `metrics.coco.diagnosis.confusion`).
    """
    from plotly.graph_objects import Figure, Heatmap

    every = np.asarray(confusion["counts"], np.int64)
    shown = [*shown_classes(every[:-1].sum(axis=1).tolist()), len(every) - 1]
    names, counts = [plain(confusion["names"][row]) for row in shown], every[np.ix_(shown, shown)]
    share = counts / np.maximum(every[shown].sum(axis=1, keepdims=True), 1)
    hover = [
        [f"is {is_}, found as {found}: {counts[row, column]} objects, {share[row, column]:.0%} of the row"
         for column, found in enumerate(names)]
        for row, is_ in enumerate(names)
    ]  # fmt: skip
    figure = Figure(
        Heatmap(
            z=share.tolist(), zmin=0, zmax=1, colorscale="Blues", hovertext=hover, hoverinfo="text",
            text=[[str(count) if count else "" for count in row] for row in counts.tolist()], texttemplate="%{text}",
            xgap=1, ygap=1, colorbar={"title": {"text": "share of the row"}, "thickness": 12},
        )
    )  # fmt: skip
    places = list(range(len(names)))
    ticks = {"tickvals": places, "ticktext": names, "showgrid": False}
    some = "" if len(names) == len(every) else f", {len(names) - 1} of {len(every) - 1} classes"
    for line in ({"x": len(names) - 1.5}, {"y": len(names) - 1.5}):
        figure.add_shape(
            type="line", line={"color": PALE, "width": 1},
            **{f"{axis}{end}": line.get(axis, far) for axis in "xy" for end, far in ((0, -0.5), (1, len(names) - 0.5))},
        )  # fmt: skip
    return styled(
        figure,
        f"Objects by true and found class, at the recommended scores{some}",
        xaxis={**ticks, "title": {"text": "found as (background: missed)"}},
        yaxis={**ticks, "title": {"text": "is (background: false alarm)"}, "range": [len(names) - 0.5, -0.5]},
    )


def plot_precision_recall(
    curves: Mapping[str, Sequence[Sequence[float]]], per_class: Mapping[str, Mapping[str, Any]]
) -> "Figure":
    """Plots precision by recall of each class at IoU 0.5, and where the recommended score lies on it.

    Args:
        curves: class names to [recall, precision] (see `metrics.coco.diagnosis.curves`).
        per_class: class names to `box_map50`, `precision` and `recall` as {value}; what is absent is not drawn.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    by_figure = sorted(curves, key=lambda name: -_value(per_class, name, "box_map50"))
    few = len(by_figure) <= _MOST_CURVES
    for index, name in enumerate(by_figure):
        tint = colour(index) if few else "#bdbdbd"
        points, written = [(float(x), float(y)) for x, y in curves[name] or [(0.0, 0.0)]], plain(name)
        label = f"{written}  AP50 {_value(per_class, name, 'box_map50'):.2f}"
        figure.add_scatter(
            x=[x for x, _ in points], y=[y for _, y in points], mode="lines", name=label, showlegend=few,
            legendgroup=str(index), line={"color": tint, "width": 2 if few else 0.8}, hoverinfo="text",
            hovertext=[f"{label}<br>recall {x:.2f}, precision {y:.2f}" for x, y in points],
        )  # fmt: skip
        at = _value(per_class, name, "recall"), _value(per_class, name, "precision")
        if few and not np.isnan(at).any():
            figure.add_scatter(
                x=[at[0]], y=[at[1]], mode="markers", showlegend=False, legendgroup=str(index), hoverinfo="text",
                marker={"color": tint, "size": 10, "line": {"color": "white", "width": 1}},
                hovertext=f"{written} at its recommended score<br>recall {at[0]:.2f}, precision {at[1]:.2f}",
            )  # fmt: skip
    if by_figure and not few:
        grid = np.linspace(0, 1, 101)
        mean = np.mean([_on_grid(curves[name], len(grid)) for name in by_figure], axis=0)
        figure.add_trace(
            Scatter(
                x=grid.tolist(), y=mean.tolist(), mode="lines", line={"color": BLUE, "width": 3}, showlegend=True,
                name=f"mean of {len(by_figure)} classes", hoverinfo="text",
                hovertext=[f"mean: recall {x:.2f}, precision {y:.2f}" for x, y in zip(grid, mean, strict=True)],
            )
        )  # fmt: skip
    if not by_figure:
        say(figure, "no objects of any class")
    return styled(
        figure,
        "Precision by recall, box IoU from 0.5" + (" (dot: at the recommended score)" if few else ""),
        xaxis={**_UNIT, "title": {"text": "recall: share of the objects that are found"}},
        yaxis={**_UNIT, "title": {"text": "precision: share of the detections that are right"}},
    )


def plot_reliability(calibration: Mapping[str, Any]) -> "Figure":
    """Plots which share of the detections of a score is right; on the diagonal a score is that share.

    Args:
        calibration: `ece` and `bins` (see `metrics.coco.diagnosis.calibration`); empty without detections.
    """
    from plotly.graph_objects import Figure

    bins = [each for each in calibration.get("bins", ()) if each["count"]]
    middle = [(each["low"] + each["high"]) / 2 for each in bins]
    right, counts = [each["correct"] for each in bins], [each["count"] for each in bins]
    hover = [
        f"scores {each['low']:.2f} to {each['high']:.2f}: {each['count']} detections<br>"
        f"{each['correct']:.0%} right, mean score {each['score']:.2f}"
        for each in bins
    ]
    common = {"width": [0.92 * (each["high"] - each["low"]) for each in bins], "hovertext": hover, "hoverinfo": "text"}
    figure = Figure()
    figure.add_bar(x=middle, y=right, marker={"color": BLUE}, name="share that is right", **common)
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="as the score says", hoverinfo="skip",
        line={"color": PALE, "dash": "dash", "width": 1},
    )  # fmt: skip
    figure.add_scatter(
        x=[each["score"] for each in bins], y=right, mode="lines+markers", name="at the mean score", hovertext=hover,
        hoverinfo="text", line={"color": ORANGE, "width": 1}, marker={"size": 7},
    )  # fmt: skip
    figure.add_bar(
        x=middle, y=counts, text=[str(count) for count in counts], textposition="outside", yaxis="y2",
        marker={"color": "#bdbdbd"}, showlegend=False, **common,
    )  # fmt: skip
    ece = f": expected calibration error {calibration['ece']:.3f}" if bins else ": nothing is detected"
    return styled(
        figure,
        f"Scores and right detections{ece}",
        barmode="overlay",
        legend={"x": 0.02, "y": 0.98, "bgcolor": "rgba(128, 128, 128, 0.15)"},
        xaxis={**_UNIT, "title": {"text": "score"}, "anchor": "y2"},
        yaxis={**_UNIT, "title": {"text": "share of right detections"}, "domain": [0.3, 1]},
        yaxis2={"range": [0, 1.35 * max(counts, default=1)], "domain": [0, 0.2], "title": {"text": "detections"}},
    )


def _value(per_class: Mapping[str, Mapping[str, Any]], name: str, figure: str) -> float:
    found = per_class.get(name, {}).get(figure)
    return float("nan") if found is None else float(found["value"])


def _on_grid(curve: Sequence[Sequence[float]], points: int) -> list[float]:
    """Returns the precision at each recall of the grid; 0 where the curve does not reach it."""
    precision = [value for _, value in curve]
    return precision + [0.0] * (points - len(precision))
