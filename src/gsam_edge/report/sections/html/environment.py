"""The templates of the report: every text that they write is escaped."""

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gsam_edge.report.facts.checks import sentence
from gsam_edge.report.svg.markup import plain


class Absent(StrictUndefined):
    """A value that is not there: a template may ask for it, and does not print it."""

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


@cache
def environment() -> Environment:
    """Returns the templates of `report/templates`.

    Names of classes, files and runtimes are hostile: markup in them is escaped, and control characters become their
    symbols.
    """
    made = Environment(
        loader=PackageLoader("gsam_edge", "report/templates"),
        autoescape=True,
        undefined=Absent,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=plain,
    )
    made.filters |= {"sentence": sentence, "coded": _coded}
    return made


def _coded(text: str) -> Markup:
    """Returns a text whose parts between backticks, commands, are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(plain(text)))))  # noqa: S704 - escaped here


def rendered(template: str, **values: Any) -> Markup:
    """Returns a template of `report/templates` with these values."""
    return Markup(environment().get_template(template).render(values))  # noqa: S704 - the template has escaped them
