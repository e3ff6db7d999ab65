"""The student: what it is, and what its training started from."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered

#: A start that gives the student less than this share of its weights teaches it little.
_LITTLE = 0.5


def student(facts: Facts) -> Markup | None:
    """Shows architecture, size, start and last losses; None where the report does not hold them."""
    report = facts.reports["distillation_report"]
    if not report.get("student"):
        return None
    stages = next((each["stages"] for each in report.get("trainings", ()) if each.get("stages")), ())
    return rendered(
        "sections/student.html",
        student=report["student"],
        start=report["student"].get("start", {}),
        losses=list(report.get("losses", {}).items()),
        stages=list(stages),
        seeds=report["seeds"],
    )


def student_advice(facts: Facts) -> Sequence[str]:
    """Advises to name a start where the training began with mostly random weights."""
    start = facts.reports["distillation_report"].get("student", {}).get("start", {})
    if start.get("share", 1.0) < _LITTLE:
        return (
            f"Only {100 * start['share']:.0f} % of its weights came from the start: name one of its own architecture "
            "(student_base in the catalog), which learns from fewer images.",
        )
    return ()
