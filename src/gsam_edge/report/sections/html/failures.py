"""Where it fails: by class, size, place and quality of the image, and the worst images in words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from gsam_edge.report.facts.estimate import Estimate, share
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import bar

#: Groups of objects and what they are grouped by.
_GROUPS = {
    "class": "by class",
    "size": "by size",
    "edge": "by place in the image",
    "quality": "by quality of the image",
}
#: What becomes of an object that counts as lost.
_LOST = ("missed", "confused", "outlined")
#: Images whose reasons are told in words, and reasons of each.
_MOST_IMAGES, _MOST_REASONS = 12, 4


class _Group(NamedTuple):
    """A line of a table of groups."""

    name: str
    objects: int
    lost: int
    part: Estimate | None
    drawn: Markup | None
    verdict: str
    few: bool


def failures(facts: Facts) -> Markup:
    """Shows how many objects each group loses, which mistakes there are, and why the worst images are worst."""
    report = facts.reports["failure_report"]
    groups = report.get("groups", {})
    return rendered(
        "sections/failures.html",
        report=report,
        totals=report.get("totals"),
        groups=[
            (title, [_group(row, facts.config.few_objects) for row in groups[name]])
            for name, title in _GROUPS.items()
            if groups.get(name)
        ],
        errors=[(row, bar(row["share"], most=1, hue="other")) for row in groups.get("error", ())],
        images=[
            (image["file_name"], image["reasons"][:_MOST_REASONS], max(0, len(image["reasons"]) - _MOST_REASONS))
            for image in report["images"][:_MOST_IMAGES]
        ],
        more=max(0, len(report["images"]) - _MOST_IMAGES),
        shown=facts.shown("confused"),
    )


def _group(row: Mapping[str, Any], few_objects: int) -> _Group:
    objects, lost = row["objects"], sum(row.get(kind, 0) for kind in _LOST)
    part, few = None, objects < few_objects
    if objects:
        part = Estimate(row["lost"], tuple(row["lost_ci95"])) if "lost_ci95" in row else share(lost, objects)
    drawn = None if part is None else bar(part.value, most=1, ci95=part.ci95, faint=few)
    return _Group(row["name"], objects, lost, part, drawn, row.get("verdict", ""), few)


def failure_advice(facts: Facts) -> Sequence[str]:
    """Returns what the report found worth a sentence."""
    return [f"{text} Label more of them." for text in facts.reports["failure_report"].get("notable", ())]
