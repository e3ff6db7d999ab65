"""The files that the student was exported to, beside the student and its teachers."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gsam_edge.report.facts.estimate import Estimate
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import difference, stacked
from gsam_edge.report.svg.plots import Point, scatter

#: A 95th percentile of the times this many times above the median says that something else used the machine.
_DISTURBED = 3.0
#: Verdicts by their first word, and the colour of each.
_COLOURS = {"accepted": "good", "refused": "warn", "rejected": "bad"}
#: Figures whose differences are told, what each is of, and the least range of their drawing in points.
_ACCURACY, _LEAST_RANGE = {"box_map50": "boxes", "mask_map50": "masks"}, 2.0
_NOT_ASKED = "not built: not asked for"


def artefacts(facts: Facts) -> Markup:
    """Shows accuracy, time, size and memory of every artefact, and what the gate says of it."""
    rows = list(facts.rows.values())
    accuracies = [_accuracy(facts, row) for row in rows]
    of_masks = any("mask_map50" in row for row in rows)
    points = [
        Point(
            label=str(number),
            x=row["latency_ms_median"],
            y=accuracy.value,
            area=row.get("size_mb", 0.0),
            kind="pick" if row["artefact"] == facts.recommendation.get("ship") else "",
            title=f"{row['artefact']}: {row['latency_ms_median']:.1f} ms, mAP50 {accuracy.value:.3f}",
        )
        for number, (row, accuracy) in enumerate(zip(rows, accuracies, strict=True), 1)
        if accuracy is not None and "latency_ms_median" in row
    ]
    words = "Each circle is an artefact: further left is faster, higher is more accurate, larger is a larger file."
    chart = None
    if points:
        chart = scatter(points, x_title="ms per image (median)", y_title="mAP50, 0 to 1", words=words)
    judged = [row for row in facts.reports.get("optimization_report", ()) if not row["verdict"].startswith(_NOT_ASKED)]
    return rendered(
        "sections/artefacts.html",
        rows=list(zip(rows, accuracies, strict=True)),
        of_masks=of_masks,
        ship=facts.recommendation.get("ship"),
        chart=chart,
        differences=_differences(facts),
        stages=_stages(rows),
        verdicts=[(row["artefact"], *_verdict(row)) for row in judged],
    )


def _accuracy(facts: Facts, row: Mapping[str, Any]) -> Estimate | None:
    name = "mask_map50" if "mask_map50" in row else "box_map50"
    figure = facts.evaluated.get(row["artefact"], {}).get("figures", {}).get(name)
    return Estimate.of(figure) or Estimate.of(
        {"value": row.get(name), "ci95": row.get("intervals", {}).get(name)} if name in row else None
    )


def _verdict(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Returns the first word of the gate's verdict, its colour, and why."""
    word, _, why = row["verdict"].partition(": ")
    return word, _COLOURS.get(word, ""), why


def _differences(facts: Facts) -> list[tuple[str, str, Estimate, str, Markup]]:
    """Returns artefact, what was compared, the difference in points of accuracy, the verdict on it, and a drawing."""
    found = [
        (artefact, compared, value.times(100), entry["verdict"])
        for artefact, part in facts.reports.get("evaluation_report", {}).get("differences", {}).items()
        for figure, compared in _ACCURACY.items()
        if (entry := part["figures"].get(figure)) and (value := Estimate.of(entry)) is not None
    ]
    most = max([_LEAST_RANGE, *(abs(end) for _, _, value, _ in found for end in (value.value, *(value.ci95 or ())))])
    return [
        (artefact, compared, value, verdict, difference(value.value, value.ci95, most=most))
        for artefact, compared, value, verdict in found
    ]


def _stages(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, float], Markup]]:
    """Returns of each artefact the times of its stages and these as a bar."""
    # The teachers' only stage is decoding: beside whole answers that would look like the fastest of all.
    timed = {row["artefact"]: dict(row["stages_ms"]) for row in rows if "inference" in row.get("stages_ms", {})}
    most = max((sum(stages.values()) for stages in timed.values()), default=0.0) or 1.0
    return [(name, stages, stacked(stages, most=most)) for name, stages in timed.items()]


def artefact_advice(facts: Facts) -> Sequence[str]:
    """Advises to measure again what was disturbed, and to raise what the gate refused."""
    steps = [
        f"The times of {row['artefact']} were disturbed (median {row['latency_ms_median']:.1f} ms, 95th percentile "
        f"{row['latency_ms_p95']:.1f}): measure again on a quiet machine."
        for row in facts.rows.values()
        if row.get("latency_ms_p95", 0.0) > _DISTURBED * row.get("latency_ms_median", 0.0)
    ]
    if facts.rows:
        steps.append(
            "These times are of the machine that measured them: measure on your device before you promise any."
        )
    return steps
