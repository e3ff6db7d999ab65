"""The first screen: is it good enough?"""

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered
from gsam_edge.report.svg.cells import of_hundred


def answer(facts: Facts) -> Markup | None:
    """Says what the artefact finds in unseen images, at which cost, and what of that is not proven."""
    known = facts.answer
    if known is None:
        return None
    dots = None
    if known.found is not None:
        found, (low, high) = (
            100 * known.found.value,
            (100 * end for end in known.found.ci95 or (known.found.value,) * 2),
        )
        words = f"Of 100 objects {found:.0f} are found; with other images between {low:.0f} and {high:.0f} would be."
        dots = of_hundred(found, low, high, words=words)
    return rendered("sections/answer.html", facts=facts, answer=known, dots=dots)
