"""Unlabelled images in the order in which to label them."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered

#: Images in the table.
_MOST_IMAGES = 12


def next_to_label(facts: Facts) -> Markup:
    """Shows the unlabelled images that tell the student most."""
    report = facts.reports["next_to_label"]
    return rendered(
        "sections/next_to_label.html",
        report=report,
        images=report["images"][:_MOST_IMAGES],
        more=max(0, len(report["images"]) - _MOST_IMAGES),
        shown=facts.shown("proposed"),
    )


def next_advice(facts: Facts) -> Sequence[str]:
    """Says how many images to label first."""
    count = len(facts.reports["next_to_label"]["images"])
    if not count:
        return ()
    images = "this image" if count == 1 else f"these {count} images, in this order"
    return (f"Label {images} before others: next_to_label.csv lists them.",)
