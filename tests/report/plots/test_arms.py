"""Plot and console show every arm with its interval, and the verdict."""

import pytest
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


def test_the_plot_has_a_panel_for_each_figure_and_one_for_the_classes(report):
    figure = plot_distillation_arms(report)
    arms, strict, classes = figure.axes
    assert [label.get_text() for label in arms.get_yticklabels()] == list(report["titles"].values())
    drawn = [line.get_xdata()[0] for line in strict.get_lines() if len(line.get_xdata()) == 1]
    figures = [{**report["arms"], "teacher": report["teacher"]}[name]["box_map50_95"] for name in report["titles"]]
    assert drawn == [figure["mean"] for figure in figures]
    assert {label.get_text() for label in classes.get_yticklabels()} == {"bag", "tag [big]"}
    assert [text.get_text() for text in classes.get_legend().get_texts()] == [
        "over your labels alone",
        "over self-training",
    ]


def test_the_legend_of_three_controls_lies_within_the_figure():
    shares = dict.fromkeys(("truth", "self_training", "hard_labels", "distilled"), CHANCES)
    data = {"labelled": 20, "pool": 190, "held_back": 0}
    runs = runs_of(TRUTH, shares, [0])
    told = distillation_report(TRUTH, runs, None, data=data, no_pool=None, control=(), listens=False)
    figure = plot_distillation_arms(told)
    figure.draw_without_rendering()
    classes = figure.axes[-1]
    shown = classes.get_legend().get_window_extent()
    assert figure.bbox.x0 <= shown.x0
    assert shown.x1 <= figure.bbox.x1
    assert classes.get_window_extent().x1 > 0.95 * figure.bbox.x1, "the legend takes no room of the panels"


def test_intervals_are_named_only_where_there_are_some(report):
    few = world(4, ("bag",))
    data = {"labelled": 20, "pool": 190, "held_back": 0}
    runs = runs_of(few, {"distilled": {"bag": 0.5}}, [0])
    told = distillation_report(few, runs, None, data=data, no_pool=None, control=(), listens=False)
    for each, named in ((told, False), (report, True)):
        console = Console(width=120, record=True)
        console.print(*fragments({"distillation_report": each}))
        assert ("95 % intervals" in console.export_text()) == named
        assert ("95 % intervals" in plot_distillation_arms(each).get_supxlabel()) == named


def test_a_plot_without_controls_says_so():
    data = {"labelled": 20, "pool": 0, "held_back": 0}
    runs = runs_of(TRUTH, {"distilled": CHANCES}, [0])
    report = distillation_report(TRUTH, runs, None, data=data, no_pool="no labels", control=(), listens=False)
    figure = plot_distillation_arms(report)
    assert [text.get_text() for text in figure.axes[-1].texts] == ["no control was trained"]
