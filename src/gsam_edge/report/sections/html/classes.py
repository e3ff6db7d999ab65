"""Each class: how much of it is found, what it is taken for, how far its scores can be trusted."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gsam_edge.metrics.coco.diagnosis import ERRORS
from gsam_edge.report.facts.estimate import Estimate
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import bar
from gsam_edge.report.svg.plots import precision_recall, reliability

#: Classes whose curves are drawn and that stand in the table of mistakes: with more, nobody could read them.
_MOST_CURVES = 12
#: Below this share of objects found, or of right answers, a class needs more labels.
_WEAK = 0.5
#: From this share of a class's objects on, that are taken for one other class, the two are worth a look.
_OFTEN = 0.1
#: From this mean difference on, scores are no probabilities.
_MISLEADING = 0.1
_MOST_ADVICE = 4


def classes(facts: Facts) -> Markup | None:
    """Shows a table of the classes, their curves, what they are taken for, and how scores and truth agree."""
    if not facts.classes:
        return None
    evaluated = facts.evaluated.get(facts.described or "", {})
    curves: list[tuple[str, Markup]] = []
    for number, each in enumerate(facts.classes):
        if len(each.curve) > 1 and len(curves) < _MOST_CURVES:
            chosen = (each.found.value, each.right.value) if each.found and each.right else None
            words = f"Precision against recall of {each.name}"
            curves.append((each.name, precision_recall(each.curve, chosen, hue=number, words=words)))
    table = [(each, *(_drawn(value, each.few) for value in (each.found, each.right))) for each in facts.classes]
    calibration = evaluated.get("calibration", {})
    bins = [(each["score"], each["correct"], each["count"]) for each in calibration.get("bins", ()) if each["count"]]
    drawn = reliability(bins, words="Share of right answers against the score that the student gives") if bins else None
    kind = "mask" if facts.answer is not None and facts.answer.of_masks else "box"
    sizes = [
        (name, Estimate.of(part.get("recall")), Estimate.of(part.get(f"{kind}_map50_95")))
        for name, part in evaluated.get("per_size", {}).items()
    ]
    return rendered(
        "sections/classes.html",
        facts=facts,
        table=table,
        curves=curves,
        hidden=sum(len(each.curve) > 1 for each in facts.classes) - len(curves),
        confusion=_confusion(evaluated.get("confusion")),
        reliability=drawn,
        ece=calibration.get("ece"),
        sizes=sizes,
        errors=_errors(evaluated),
    )


def _drawn(value: Estimate | None, few: bool) -> Markup | None:
    return None if value is None else bar(value.value, most=1, ci95=value.ci95, faint=few)


def _errors(evaluated: Mapping[str, Any]) -> list[tuple[str, int | None, float, Markup]]:
    """Returns of each kind of mistake what it is, how often it occurs, and the points of accuracy that it costs."""
    costs = {name: 100 * cost for name, cost in evaluated.get("errors", {}).items()}
    most = max([1.0, *costs.values()])
    counts = evaluated.get("error_counts", {})
    return [
        (ERRORS.get(name, name), counts.get(name), cost, bar(cost, most=most, hue="other"))
        for name, cost in sorted(costs.items(), key=lambda item: -item[1])
    ]


def _confusion(confusion: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Returns names and rows of {name, cells of (count, share of the row 0..1, right?)}; None with too many classes."""
    if confusion is None or len(confusion["names"]) > _MOST_CURVES + 1:
        return None
    names, rows = list(confusion["names"]), []
    for line, (name, counts) in enumerate(zip(names, confusion["counts"], strict=True)):
        whole = sum(counts) or 1
        rows.append((name, [(count, count / whole, line == column) for column, count in enumerate(counts)]))
    return {"names": names, "rows": rows}


def class_advice(facts: Facts) -> Sequence[str]:
    """Advises about classes that are missed, taken for another, or reported where they are not."""
    steps = []
    for each in sorted(facts.classes, key=lambda each: each.found.value if each.found else 1.0):
        trained = "" if each.trained_on is None else f"; it was trained on {each.trained_on} objects"
        if each.few:
            steps.append(f"Class '{each.name}' has {each.objects} objects: label more before trusting its figures.")
        elif each.found is not None and each.found.value < _WEAK:
            steps.append(
                f"Of 100 objects of '{each.name}' {100 * each.found.value:.0f} are found{trained}: label more of it."
            )
        elif each.right is not None and each.right.value < _WEAK:
            steps.append(
                f"Of 100 answers '{each.name}' {100 * each.right.value:.0f} are right: look at its false alarms for "
                "objects that nobody marked."
            )
    evaluated = facts.evaluated.get(facts.described or "", {})
    steps = [*_taken_for(evaluated.get("confusion")), *steps][:_MOST_ADVICE]
    if evaluated.get("calibration", {}).get("ece", 0.0) > _MISLEADING:
        steps.append("Do not read a score as a probability here: the two differ (see the chart of scores).")
    return steps


def _taken_for(confusion: Mapping[str, Any] | None) -> list[str]:
    """Returns a sentence about each pair of classes that the student mistakes often, the most frequent first."""
    if confusion is None:
        return []
    names, found = confusion["names"], []
    for line, counts in enumerate(confusion["counts"][:-1]):
        whole = sum(counts)
        for column, count in enumerate(counts[:-1]):
            if column != line and whole and count / whole >= _OFTEN:
                found.append((count / whole, names[line], names[column]))
    return [
        f"'{name}' is taken for '{other}' in {100 * part:.0f} of 100 cases: check that people tell them apart, and "
        "that both are labelled alike."
        for part, name, other in sorted(found, reverse=True)
    ]
