"""The report as one HTML file that holds all that it shows."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.pages.preview import PREVIEW
from gsam_edge.report.sections.html.environment import environment
from gsam_edge.report.sections.html.table import PAGE_SECTIONS

#: The sections whose first advice stands on the first screen, too, the most useful first, and how many at most.
_ADVISING = ("classes", "failures", "review", "next_to_label", "distillation", "teachers", "data", "file")
_MOST_STEPS = 5


class _Rendered(NamedTuple):
    """A section with its content."""

    name: str
    title: str
    body: Markup
    advice: Sequence[str]


def html_report(facts: Facts) -> str:
    """Renders the report: no script, nothing loaded from elsewhere, light and dark, for screen, phone and paper.

    Args:
        facts: what the run came to. A section whose report is absent is left out.
    """
    made = [
        _Rendered(section.name, section.title, body, section.advise(facts))
        for section in PAGE_SECTIONS.values()
        if facts.reports.keys() >= set(section.needs) and (body := section.render(facts)) is not None
    ]
    by_name = {each.name: each for each in made if each.advice}
    # Styles are no text: the quotes of a font's name stay quotes. The file is ours.
    style = Markup(environment().loader.get_source(environment(), "style.css")[0])  # type: ignore[union-attr]  # noqa: S704
    return (
        environment()
        .get_template("page.html")
        .render(
            dataset=facts.dataset,
            about=_about(facts),
            sections=made,
            steps=[(name, by_name[name].title, by_name[name].advice[0]) for name in _ADVISING if name in by_name][
                :_MOST_STEPS
            ],
            markers=PREVIEW,
            style=style,
            version=version("gsam_edge"),
        )
    )


def _about(facts: Facts) -> list[str]:
    """Returns what stands beside the title: how much data, and when the last step ended."""
    parts = []
    if "validation_report" in facts.reports:
        parts.append(f"{facts.reports['validation_report']['images']['in']:,} images")
    if facts.class_names:
        parts.append(f"{len(facts.class_names)} class{'es' if len(facts.class_names) != 1 else ''}")
    steps = facts.reports.get("run_record", {}).get("steps", {}).values()
    ended = [node["ended"] for step in steps for node in step["nodes"].values()]
    if ended:
        parts.append(f"{max(ended)[:16].replace('T', ' ')} UTC")
    return parts
