"""What the teachers were worth: the distilled student beside its controls."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.metrics.figures import FIGURES
from gsam_edge.report.facts.estimate import Estimate
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import bar, difference

_DISTILLED = "distilled"
#: How the verdict begins that claims a gain, and the one that denies it.
_GOOD, _BAD = "distillation adds", "does not pay"
#: By which figure the bars are drawn: the first that an arm has.
_DRAWN = ("mask_map50_95", "box_map50_95")
#: Differences are drawn from minus to plus this many points.
_LEAST_RANGE = 5.0


def worth(facts: Facts) -> Markup:
    """Shows every arm with its interval, and by how much the distilled student is better than each control."""
    report = facts.reports["distillation_report"]
    figures_of = {**report["arms"], **({"teacher": report["teacher"]} if report.get("teacher") else {})}
    named = [(name, title) for name, title in report["titles"].items() if name in figures_of]
    shown = [name for name in FIGURES if any(name in figures_of[arm] for arm, _ in named)]
    drawn_by = next((name for name in _DRAWN if name in shown), shown[0] if shown else None)
    arms = []
    for name, title in named:
        estimates = [Estimate.of(figures_of[name].get(figure)) for figure in shown]
        chart = None
        if drawn_by is not None and (value := Estimate.of(figures_of[name].get(drawn_by))) is not None:
            chart = bar(value.value, most=1, ci95=value.ci95, hue="" if name == _DISTILLED else "other")
        arms.append((name, title, estimates, chart))
    gains = [
        (report["titles"][control], value.times(100))
        for control, figures in report.get("gains", {}).items()
        if (value := Estimate.of(figures.get(drawn_by))) is not None
    ]
    ends = [abs(end) for _, gain in gains for end in (gain.value, *(gain.ci95 or ()))]
    most = max([_LEAST_RANGE, *ends])
    verdict = report["verdict"]
    return rendered(
        "sections/distillation.html",
        report=report,
        arms=arms,
        headings=[FIGURES[name].heading.replace("\n", " ") for name in shown],
        drawn_by=FIGURES[drawn_by].heading.replace("\n", " ") if drawn_by else "",
        gains=[(title, gain, difference(gain.value, gain.ci95, most=most)) for title, gain in gains],
        most=most,
        colour="good" if verdict.startswith(_GOOD) else "bad" if verdict.startswith(_BAD) else "warn",
    )


def worth_advice(facts: Facts) -> Sequence[str]:
    """Advises about further seeds, and about what to do where the teachers do not pay."""
    report = facts.reports["distillation_report"]
    steps = []
    if report["verdict"].startswith(_BAD):
        gain = Estimate.of(report.get("gains", {}).get("truth", {}).get("box_map50_95"))
        is_worse = gain is not None and gain.ci95 is not None and gain.ci95[1] < 0
        effect = "cost accuracy: the student of your labels alone is better" if is_worse else "cost time, gain nothing"
        steps.append(
            f"On this data the teachers {effect}. Label more images first, or improve the teachers, before you train "
            "longer."
        )
    if len(report["seeds"]) == 1:
        steps.append(
            "One seed is one throw of the dice: train with three (distillation.seeds) before you decide by it."
        )
    for name, why in report.get("left_out", {}).items():
        steps.append(f"'{name}' was not trained: {why}.")
    return steps
