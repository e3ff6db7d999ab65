"""Plot and console show every arm with its interval, and the verdict."""

import pytest
from plotly.io import from_json
from rich.console import Console

from gsam_edge.distill.arms.reports import distillation_report
from gsam_edge.report.plots.arms import plot_distillation_arms
from gsam_edge.report.sections.table import fragments
from support.arms import found_by_chance, runs_of, world

TRUTH = world(12, ("bag", "tag [big]"))
CHANCES = {"bag": 0.5, "tag [big]": 0.7}
SHARES = dict.fromkeys(("truth", "self_training", "distilled", "oracle"), CHANCES)


@pytest.fixture(scope="module")
def report():
    teacher = found_by_chance(TRUTH, CHANCES, 8)
    data = {"labelled": 20, "pool": 190, "held_back": 0}
    return distillation_report(
        TRUTH, runs_of(TRUTH, SHARES, [0]), teacher, data=data, no_pool=None, control=("oracle",), listens=False
    )


def test_the_console_ends_with_a_row_for_each_arm_and_one_sentence(report):
    console = Console(width=120, record=True)
    (fragment,) = fragments({"distillation_report": report})
    console.print(fragment)
    lines = [line.strip() for line in console.export_text().splitlines() if line.strip()]
    told = "\n".join(lines)
    rows = ["your labels alone", "self-training", "distilled", "teacher", "all labels (oracle)"]
    starts = [next(number for number, line in enumerate(lines) if line.startswith(row)) for row in rows]
    assert starts == sorted(starts)
    for row, name in zip(rows, report["titles"], strict=True):
        figure = {**report["arms"], "teacher": report["teacher"]}[name]["box_map50_95"]
        line = next(line for line in lines if line.startswith(row))
        assert f"{figure['mean']:.3f} {figure['ci95'][0]:.3f} to {figure['ci95'][1]:.3f}" in line
    assert "not trained: oracle, no labels are held back" in told
    assert report["verdict"][1:].replace("\n", " ")[:60] in told.replace("\n", " ")


def drawn(report):
    """The plot as it is read from its file."""
    text = plot_distillation_arms(report).to_json()
    assert "bdata" not in text, "kedro-viz's plotly.js reads plain numbers"
    return from_json(text)


def written(figure) -> str:
    """All that is written in a figure outside its traces."""
    return "\n".join(each.text for each in figure.layout.annotations)


def title(figure) -> list[str]:
    """The lines of the title."""
    (text,) = (each.text for each in figure.layout.annotations if each.yref == "paper" and each.font.size == 13)
    return text.removeprefix("<b>").removesuffix("</b>").split("<br>")


def panel(figure, number: int):
    """The traces of a panel: those of the figures come first, that of the classes last."""
    return [trace for trace in figure.data if trace.xaxis == "x" + (str(number) if number > 1 else "")]


def test_the_plot_has_a_panel_for_each_figure_and_one_for_the_classes(report):
    figure = drawn(report)
    assert list(figure.layout.yaxis.ticktext) == list(report["titles"].values())
    figures = [{**report["arms"], "teacher": report["teacher"]}[name]["box_map50_95"] for name in report["titles"]]
    points = panel(figure, 2)
    assert [trace.x[0] for trace in points] == [figure["mean"] for figure in figures]
    for trace, (low, high) in zip(points, (figure["ci95"] for figure in figures), strict=True):
        assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(low)
        assert trace.x[0] + trace.error_x.array[0] == pytest.approx(high)
        assert f"({low:.3f} to {high:.3f})" in trace.hovertext[0]
    assert set(figure.layout.yaxis3.ticktext) == {"bag", "tag [big]"}
    assert [trace.name for trace in panel(figure, 3)] == ["over your labels alone", "over self-training"]
    for trace, control in zip(panel(figure, 3), ("truth", "self_training"), strict=True):
        gains = [report["per_class"][name]["gains"][control]["mean"] for name in figure.layout.yaxis3.ticktext]
        assert list(trace.x) == gains


def test_the_whole_verdict_is_the_title_and_names_are_no_tags(report):
    named = report | {
        "per_class": {"<a href='x'>bag</a>": report["per_class"]["bag"]},
        "verdict": "does not pay here: <b>-3.0</b> " + "and so on " * 20 + "to the end",
    }
    figure = drawn(named)
    assert "<a" not in "".join([*figure.layout.yaxis3.ticktext, *panel(figure, 3)[0].hovertext])
    lines = title(figure)
    assert len(lines) == 2
    assert " ".join(lines) == "Does" + as_written(named["verdict"])[4:]
    assert figure.layout.margin.t > drawn(report | {"verdict": "pays"}).layout.margin.t


def as_written(text: str) -> str:
    """The text as it stands in the file, tags of its own escaped."""
    return text.replace("<", "&lt;").replace(">", "&gt;")


def test_intervals_are_named_only_where_there_are_some(report):
    few = world(4, ("bag",))
    data = {"labelled": 20, "pool": 190, "held_back": 0}
    runs = runs_of(few, {"distilled": {"bag": 0.5}}, [0])
    told = distillation_report(few, runs, None, data=data, no_pool=None, control=(), listens=False)
    for each, named in ((told, False), (report, True)):
        console = Console(width=120, record=True)
        console.print(*fragments({"distillation_report": each}))
        assert ("95 % intervals" in console.export_text()) == named
        assert ("95 % intervals" in written(drawn(each))) == named


def test_a_plot_without_controls_says_so():
    data = {"labelled": 20, "pool": 0, "held_back": 0}
    runs = runs_of(TRUTH, {"distilled": CHANCES}, [0])
    report = distillation_report(TRUTH, runs, None, data=data, no_pool="no labels", control=(), listens=False)
    assert "no control was trained" in written(drawn(report))
