"""Where it fails: by class, size, place and quality of the image, and the worst images in words."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.estimate import share
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import bar

#: Groups of objects and what they are grouped by.
_GROUPS = {
    "class": "by class",
    "size": "by size",
    "edge": "by place in the image",
    "quality": "by quality of the image",
    "error": "by kind of mistake",
}
#: Images whose reasons are told in words.
_MOST_IMAGES = 12
#: Reasons that are told of an image.
_MOST_REASONS = 4
#: A group that misses this many times the share of all is worth a sentence.
_WORSE = 1.3


def failures(facts: Facts) -> Markup:
    """Shows how many objects each group misses, and why the worst images are worst."""
    report = facts.reports["failure_report"]
    groups = []
    for name, title in _GROUPS.items():
        rows = []
        for group in report.get("groups", {}).get(name, ()):
            missed = share(group["missed"], group["objects"]) if group.get("objects") else None
            few = group.get("objects", 0) < facts.config.few_objects
            drawn = None if missed is None else bar(missed.value, most=1, ci95=missed.ci95, faint=few)
            rows.append((group["name"], group.get("objects"), group.get("missed"), missed, drawn, few))
        if rows:
            groups.append((title, rows))
    return rendered(
        "failures.html",
        report=report,
        groups=groups,
        images=[
            (image["file_name"], image["reasons"][:_MOST_REASONS], max(0, len(image["reasons"]) - _MOST_REASONS))
            for image in report["images"][:_MOST_IMAGES]
        ],
        more=max(0, len(report["images"]) - _MOST_IMAGES),
    )


def failure_advice(facts: Facts) -> Sequence[str]:
    """Advises about the groups that are missed far more often than the rest."""
    groups = facts.reports["failure_report"].get("groups", {})
    steps = []
    for name in ("size", "edge", "quality"):
        known = [group for group in groups.get(name, ()) if group.get("objects", 0) >= facts.config.few_objects]
        objects = sum(group["objects"] for group in known)
        usual = sum(group["missed"] for group in known) / objects if objects else 0.0
        steps += [
            f"Objects '{group['name']}' are missed in {100 * group['missed'] / group['objects']:.0f} of 100 cases, all "
            f"together in {100 * usual:.0f}: label more such images."
            for group in known
            if usual and group["missed"] / group["objects"] >= _WORSE * usual
        ]
    return steps
