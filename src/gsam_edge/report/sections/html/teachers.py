"""The teachers: what tuning them gave."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import bar

#: How verdicts begin that are good news, and those that are bad.
_GOOD, _BAD = ("better",), ("useless", "worse")
#: Figures of a teacher, as people call them.
_FIGURES = {
    "map50": "boxes found (mAP50)",
    "map50_95": "exact boxes (mAP50-95)",
    "mask_iou": "masks in given boxes (IoU)",
    "mask_map50": "masks found (mAP50)",
}


def teachers(facts: Facts) -> Markup | None:
    """Shows each teacher before and after tuning, with its verdict; None where the data called for none."""
    parts, unused = [], []
    for name, part in facts.reports["teacher_report"].items():
        if "base" not in part and "tuned" not in part:
            unused.append((name, part.get("why", part["status"])))
            continue
        rows = []
        for figure, title in _FIGURES.items():
            values = [part.get(stage, {}).get(figure) for stage in ("base", "tuned")]
            bars = [
                bar(value, most=1, hue=hue)
                for value, hue in zip(values, ("other", ""), strict=True)
                if value is not None
            ]
            if bars:
                rows.append((title, values, bars))
        words = part.get("verdict", part["status"])
        colour = (
            "good"
            if words.startswith(_GOOD)
            else "bad"
            if words.startswith(_BAD)
            else "warn"
            if "verdict" in part
            else ""
        )
        parts.append((name, part, words, colour, rows))
    return rendered("sections/teachers.html", parts=parts, unused=unused) if parts else None


def teacher_advice(facts: Facts) -> Sequence[str]:
    """Advises about teachers that are weak, and about the classes that they know worst."""
    steps = []
    for name, part in facts.reports["teacher_report"].items():
        words = part.get("verdict", "")
        if words.startswith("useless"):
            steps.append(f"Tune {name} with more steps or more labelled images, or name another base in the catalog.")
        elif words.startswith(("worse", "no different")):
            steps.append(f"Try a lower learning rate, more steps or more images for {name}.")
        elif words.startswith("not known"):
            steps.append(f"Give split.val more images: whether tuning helped {name} cannot be told.")
        worst = min(part.get("per_class", {}).items(), key=lambda item: item[1].get("tuned", 1.0), default=None)
        if worst is not None and worst[1].get("tuned", 1.0) < 0.5:
            steps.append(
                f"{name} knows '{worst[0]}' worst ({worst[1]['tuned']:.2f}): label more images of it, or find a "
                "plainer word for it, since class names are what this teacher is asked for."
            )
    return steps
