"""The plot of a distillation's arms."""

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gsam_edge.metrics.figures import FIGURES
from gsam_edge.report.plots.interactive import PALE, interval_lines, plain, say, styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COLOURS = {"distilled": "#d95f02", "teacher": "#7570b3", "oracle": "#8c8c8c"}
_CONTROL_COLOUR, _CONTROL_COLOURS = "#1b9e77", ("#1b9e77", "#66a61e", "#e6ab02")
#: Most classes in the panel of classes; of more, those that gain and lose most.
_MOST_CLASSES = 16
#: Most characters of a line of the title.
_CHARACTERS = 120
_SHOWN = ("box_map50", "box_map50_95", "mask_map50", "mask_map50_95")
#: Pixels of a line of a panel, of the room around both rows of panels, and of a line of the title.
_LINE, _FRAME, _TITLE_LINE = 30, 230, 18


def plot_distillation_arms(report: Mapping[str, Any]) -> "Figure":
    """Plots each arm's figures with their intervals, and what the distilled student gains over a control in each class.

    Args:
        report: see `distill.reports.distillation_report`.
    """
    from plotly.subplots import make_subplots

    titles = report["titles"]
    figures_of = {**report["arms"], "teacher": report.get("teacher")}
    rows = {name: figures_of[name] for name in titles if figures_of[name]}
    shown = [name for name in _SHOWN if any(name in figures for figures in rows.values())]
    classes = _classes(report)
    columns, lines = max(len(shown), 1), (max(len(rows), 2), max(len(classes), 2))
    headings = [f"<b>{FIGURES[name].heading.replace(chr(10), ' ')}</b>" for name in shown]
    figure = make_subplots(
        2, columns, specs=[[{}] * columns, [{"colspan": columns}, *[None] * (columns - 1)]], shared_yaxes="rows",
        row_heights=list(lines), vertical_spacing=80 / (_LINE * sum(lines) + _FRAME), horizontal_spacing=0.02,
        subplot_titles=[*headings, *[""] * (columns - len(shown)), "<b>gain in each class, boxes, mAP50-95</b>"],
    )  # fmt: skip
    figure.update_annotations(font={"size": 12})
    for column, name in enumerate(shown, start=1):
        _draw_arms(figure, column, rows, titles, name)
        figure.update_yaxes(
            row=1, col=column, range=[len(rows) - 0.5, -0.7], tickvals=list(range(len(rows))), showgrid=False,
            ticktext=[plain(titles[row]) for row in rows],
        )  # fmt: skip
    _draw_classes(figure, classes, titles, columns)
    told = report["verdict"][0].upper() + report["verdict"][1:]
    heading = [plain(line) for line in wrap(told, _CHARACTERS)]
    return styled(
        figure, "<br>".join(heading), below=[_about(report, rows)], headings=True,
        height=_LINE * sum(lines) + _FRAME + _TITLE_LINE * len(heading),
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": _top_of_classes(figure), "yanchor": "bottom"},
    )  # fmt: skip


def _about(report: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns what the figures rest on."""
    seeds, test = len(report["seeds"]), report["images"]["test"]
    luck = f"{seeds} seeds" if seeds > 1 else "one seed"
    over = "images and seeds" if seeds > 1 else "images"
    intervals = any("ci95" in figures[name] for figures in rows.values() for name in figures)
    return f"{test} test images, {luck}" + (f"; lines are 95 % intervals over {over}" if intervals else "")


def _draw_arms(
    figure: "Figure", column: int, rows: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], name: str
) -> None:
    heading = FIGURES[name].heading.replace("\n", " ")
    for line, (arm, figures) in enumerate(rows.items()):
        if name not in figures:
            say(figure, "does not apply", xref=f"x{column} domain", x=0.05, xanchor="left", yref=f"y{column}", y=line)
            continue
        value = figures[name]["mean"]
        figure.add_scatter(
            x=[value], y=[line], mode="markers+text", text=[f"{value:.3f}"], textposition="top center",
            textfont={"size": 10}, marker={"color": _COLOURS.get(arm, _CONTROL_COLOUR), "size": 9},
            error_x=_lines([figures[name]], _COLOURS.get(arm, _CONTROL_COLOUR)), hoverinfo="text", showlegend=False,
            hovertext=[f"<b>{plain(titles[arm])}</b><br>{heading} {_with_interval(figures[name], '.3f')}"],
            cliponaxis=False, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(row=1, col=column, nticks=5)


def _draw_classes(
    figure: "Figure", classes: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], columns: int
) -> None:
    controls = [name for name in titles if any(name in gains for gains in classes.values())]
    axis = columns + 1
    if not controls:
        say(figure, "no control was trained", xref=f"x{axis} domain", yref=f"y{axis} domain")
        figure.update_xaxes(visible=False, row=2, col=1)
        figure.update_yaxes(visible=False, row=2, col=1)
        return
    for number, (name, colour) in enumerate(zip(controls, _CONTROL_COLOURS, strict=False)):
        with_gain = [(line, class_name) for line, class_name in enumerate(classes) if name in classes[class_name]]
        gains = [classes[class_name][name] for _, class_name in with_gain]
        over = f"over {plain(titles[name])}"
        figure.add_scatter(
            x=[gain["mean"] for gain in gains], mode="markers", name=over, row=2, col=1, hoverinfo="text",
            y=[line + 0.22 * (number - (len(controls) - 1) / 2) for line, _ in with_gain],
            marker={"color": colour, "size": 8}, error_x=_lines(gains, colour),
            hovertext=[
                f"<b>{plain(class_name)}</b><br>{over}: {_with_interval(gain, '+.3f')}"
                for (_, class_name), gain in zip(with_gain, gains, strict=True)
            ],
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": PALE, "width": 1}, row=2, col=1)
    figure.update_yaxes(
        row=2, col=1, range=[len(classes) - 0.4, -0.6], tickvals=list(range(len(classes))), showgrid=False,
        ticktext=[plain(name) for name in classes],
    )  # fmt: skip


def _lines(figures: list[Mapping[str, Any]], colour: str) -> dict[str, Any]:
    """Returns the lines of intervals, of no length where there is none."""
    means = [figure["mean"] for figure in figures]
    return interval_lines(means, [figure.get("ci95", (figure["mean"],) * 2) for figure in figures], colour)


def _with_interval(figure: Mapping[str, Any], form: str) -> str:
    low, high = figure.get("ci95", (None, None))
    return f"{figure['mean']:{form}}" + ("" if low is None else f" ({low:{form}} to {high:{form}})")


def _top_of_classes(figure: "Figure") -> float:
    """Returns where the panel of classes ends, above which the legend stands beside its title (0..1 of the plot)."""
    return float(figure.get_subplot(2, 1).yaxis.domain[1])


def _classes(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns the classes to show with the gains of each, those with the largest gain first."""
    gains = {name: entry["gains"] for name, entry in report["per_class"].items() if entry["gains"]}
    ordered = sorted(gains, key=lambda name: -next(iter(gains[name].values()))["mean"])
    if len(ordered) > _MOST_CLASSES:
        ordered = ordered[: _MOST_CLASSES // 2] + ordered[-_MOST_CLASSES // 2 :]
    return {name: gains[name] for name in ordered}
