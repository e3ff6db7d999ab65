"""What is doubted, what came back, what the student gets wrong: for the terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

#: Most sentences about groups, and most worst images.
_MOST_NOTABLE, _MOST_IMAGES = 3, 3


def failures_summary(report: Mapping[str, Any]) -> "Group":
    """Builds lines of the `failure_report`: how much is lost, where most, and the worst images."""
    from rich.console import Group
    from rich.markup import escape

    if why := report.get("why"):
        return Group(f"[bold]What {escape(report['artefact'])} gets wrong[/] is not known: {escape(why)}")
    totals = report["totals"]
    lines = [
        f"[bold]What {escape(report['artefact'])} gets wrong[/] at its recommended thresholds: of {totals['objects']} "
        f"objects {totals['missed']} are missed, {totals['confused']} confused, {totals['outlined']} badly outlined; "
        f"{totals['invented']} detections are invented"
    ]
    lines += [f" {escape(sentence)}" for sentence in report["notable"][:_MOST_NOTABLE]]
    worst = [f"{escape(image['file_name'])} ({escape(image['counts'])})" for image in report["images"][:_MOST_IMAGES]]
    lines += [f" [dim]worst images: {', '.join(worst)}[/]"] if worst else []
    return Group(*lines)


def review_summary(report: Mapping[str, Any]) -> "Group":
    """Builds lines of the `review_report`: how many labels may be wrong, and how they come back."""
    from rich.console import Group

    handed_out = report["handed_out"]
    if not handed_out["images"]:
        return Group(f"[bold]Labels[/]: {report.get('why', 'none is in doubt')}")
    kinds = ", ".join(f"{name} {count}" for name, count in report["candidates"].items() if count)
    return Group(
        f"[bold]Labels that may be wrong[/]: {kinds}; the {handed_out['images']} most doubtful images are in "
        "08_reporting/review",
        " [dim]corrected in a label tool they come back with kedro run --pipeline=import_review (docs/review.md)[/]",
    )


def import_review_summary(report: Mapping[str, Any]) -> "Table":
    """Builds a table of the `import_review_report`: what became of each object that came back."""
    from rich.markup import escape
    from rich.table import Table

    images = report["images"]
    title = (
        f"Corrections of {images['returned']} of {images['handed_out']} images, from {escape(report['corrections'])}"
    )
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("objects", justify="right")
    table.add_column("outcome")
    meaning = {
        "confirmed": "came back as they were",
        "changed": "changed",
        "added": "added",
        "removed": "removed",
        "already": "were corrected before",
        "left": "left as they are: see left in the report",
    }
    what = ", ".join(f"{kind} {count}" for kind, count in report["changed_what"].items())
    for outcome, count in report["objects"].items():
        text = meaning[outcome] + (f" ({what})" if outcome == "changed" and what else "")
        if count or outcome in ("changed", "added", "removed"):
            table.add_row(str(count), f"[yellow]{text}[/]" if outcome == "left" else text)
    for note in report["notes"]:
        table.add_row("", f"[dim]{escape(note)}[/]")
    return table
