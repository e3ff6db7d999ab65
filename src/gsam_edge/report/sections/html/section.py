"""A section of the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts


def nothing(facts: Facts) -> Sequence[str]:
    """Advises nothing."""
    return ()


@dataclass(frozen=True)
class PageSection:
    """One section of the report.

    Attributes:
        name: its address in the page.
        title: its heading and its line in the contents.
        needs: catalog names of the reports without which it is left out.
        render: makes its content; None where these reports have nothing to say.
        advise: what to do next, in sentences, the most useful first.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    render: Callable[[Facts], Markup | None]
    advise: Callable[[Facts], Sequence[str]] = nothing
