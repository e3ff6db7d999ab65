"""The plot of the trainings of the teachers: losses, learning rate and validation over the steps."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from gsam_edge.report.plots.interactive import colour, plain, say, styled
from gsam_edge.training.metrics import Curves

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Metrics of the panel of the learning rate; those of the panel of the validation begin with `val_`.
_RATES, _VALIDATION = ("learning_rate",), "val_"
#: A curve of more than twice as many points is drawn as the means of so many stretches, over a band of their extremes.
_STRETCHES = 60
#: Pixels of a panel with its title, and of what surrounds them all.
_PANEL, _FRAME = 210, 110


def plot_teacher_curves(curves: Mapping[str, Curves], absent: Mapping[str, str]) -> "Figure":
    """Plots losses, learning rate and validation of each tuned teacher over its steps.

    Args:
        curves: teachers to what their training logged; a kind of metric that none of them logged has no panel.
        absent: teachers that were not tuned, to the reason.
    """
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    kinds: dict[str, Callable[[str], bool]] = {
        "losses": lambda name: name not in _RATES and not name.startswith(_VALIDATION),
        "learning rate": lambda name: name in _RATES,
        "validation": lambda name: name.startswith(_VALIDATION),
    }
    rows = [kind for kind, belongs in kinds.items() if any(belongs(name) for each in curves.values() for name in each)]
    reasons = [plain(f"{name}: {why}") for name, why in absent.items()]
    if not rows:
        figure = Figure(layout={"xaxis": {"visible": False}, "yaxis": {"visible": False}})
        say(figure, "<br>".join(reasons) or "nothing was logged")
        return styled(figure, "Tuning of the teachers")
    titles = [f"<b>{plain(name)}: {kind}</b>" for kind in rows for name in curves]
    figure = make_subplots(
        len(rows), len(curves), shared_xaxes="columns", vertical_spacing=0.24 / len(rows),
        horizontal_spacing=0.1 / len(curves), subplot_titles=titles,
    )  # fmt: skip
    figure.update_annotations(font={"size": 12})
    for column, (name, logged) in enumerate(curves.items(), start=1):
        for row, kind in enumerate(rows, start=1):
            of_kind = {metric: points for metric, points in logged.items() if kinds[kind](metric)}
            _draw_curves(figure, of_kind, f"{plain(name)}: {kind}", row, column)
            if not of_kind:
                panel = (row - 1) * len(curves) + column
                say(figure, "nothing was logged", xref=f"x{panel} domain", yref=f"y{panel} domain")
        figure.update_xaxes(title={"text": "step"}, row=len(rows), col=column)
    height = _FRAME + _PANEL * len(rows) + 14 * len(reasons)
    legend = {"title": {"text": "last value"}, "groupclick": "toggleitem", "font": {"size": 10}}
    return styled(figure, "Tuning of the teachers", below=reasons, headings=True, height=height, legend=legend)


def _draw_curves(figure: "Figure", curves: Curves, group: str, row: int, column: int) -> None:
    """Draws the metrics of one panel; the group names them in the legend."""
    for index, (metric, points) in enumerate(curves.items(), start=1):
        tint, name = colour(index), plain(metric.removeprefix(_VALIDATION))
        parts = _stretches(points)
        steps = [float(np.mean([step for step, _ in part])) for part in parts]
        means, lows, highs = (
            [float(of([value for _, value in part])) for part in parts] for of in (np.mean, np.min, np.max)
        )
        if len(parts) < len(points):
            figure.add_scatter(
                x=[*steps, *reversed(steps)], y=[*highs, *reversed(lows)], fill="toself", fillcolor=tint, opacity=0.18,
                mode="none", hoverinfo="skip", showlegend=False, row=row, col=column,
            )  # fmt: skip
        figure.add_scatter(
            x=steps, y=means, mode="lines+markers" if len(steps) < _STRETCHES / 3 else "lines", row=row, col=column,
            line={"color": tint, "width": 1.8}, marker={"size": 5}, name=f"{name} {points[-1][1]:.3g}",
            legendgroup=group, legendgrouptitle={"text": group}, hoverinfo="text",
            hovertext=[_said(name, part, mean) for part, mean in zip(parts, means, strict=True)],
        )  # fmt: skip


def _stretches(points: Sequence[tuple[int, float]]) -> list[Sequence[tuple[int, float]]]:
    """Returns the points in stretches, each of one point where there are few."""
    if len(points) <= 2 * _STRETCHES:
        return [[point] for point in points]
    ends = np.linspace(0, len(points), _STRETCHES + 1).round().astype(int).tolist()
    return [points[begin:end] for begin, end in pairwise(ends)]


def _said(name: str, part: Sequence[tuple[int, float]], mean: float) -> str:
    if len(part) == 1:
        return f"{name} {mean:.4g}<br>step {part[0][0]}"
    values = [value for _, value in part]
    return f"{name} {mean:.4g} ({min(values):.4g} to {max(values):.4g})<br>steps {part[0][0]} to {part[-1][0]}"
