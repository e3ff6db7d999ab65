"""Labels that may be wrong: how many, which, and how they are corrected."""

from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered

#: Images in the table, and reasons of each.
_MOST_IMAGES, _MOST_REASONS = 12, 3


def review(facts: Facts) -> Markup:
    """Shows which labels truth, student and teacher disagree on most."""
    report = facts.reports["review_report"]
    return rendered(
        "sections/review.html",
        report=report,
        kinds=[(name, count) for name, count in report["candidates"].items() if count],
        splits=list(report["images"].items()),
        images=[
            (row, row["reasons"][:_MOST_REASONS], max(0, len(row["reasons"]) - _MOST_REASONS))
            for row in report["worst"][:_MOST_IMAGES]
        ],
        more=max(0, len(report["worst"]) - _MOST_IMAGES),
        shown=facts.shown("doubted"),
    )


def review_advice(facts: Facts) -> Sequence[str]:
    """Says how many images to look at, and how corrections come back."""
    count = facts.reports["review_report"]["handed_out"]["images"]
    if not count:
        return ()
    images = "1 image" if count == 1 else f"{count} images"
    return (
        f"Look at the labels of {images} in data/08_reporting/review, correct them in a label tool, and take them back "
        "with `kedro run --pipeline=import_review`: no image changes its split.",
    )
