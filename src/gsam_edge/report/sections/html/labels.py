"""The labels that the teachers gave."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.checks import sentence
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import bar

#: Parts of the report and what they are about.
_PARTS = {"train": "training images", "val": "validation images", "pool": "images without a label in use"}


def labels(facts: Facts) -> Markup | None:
    """Shows how many of the teachers' labels are right, before and behind the gate; None without labels."""
    report = facts.reports["label_report"]
    rows = []
    for name, title in _PARTS.items():
        part = report.get(name)
        if not part or not part.get("images"):
            continue
        for stage, of in (("all", part), ("trusted", part.get("gated"))):
            if of:
                shares = [(of[key], bar(of[key], most=1)) if key in of else None for key in ("precision", "recall")]
                rows.append((title, part["images"], stage, of.get("objects", of.get("labels")), *shares))
    if not rows:
        return None
    gate = list(report.get("gate", {}).items())
    return rendered("sections/labels.html", report=report, rows=rows, gate=gate)


def label_advice(facts: Facts) -> Sequence[str]:
    """Returns the report's own advice."""
    return [sentence(text) for text in facts.reports["label_report"].get("advice", ())]
