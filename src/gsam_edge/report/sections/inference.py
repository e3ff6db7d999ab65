"""What `inference` found, for the end of a run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group

#: Unreadable images that are named; the report names all.
_MOST_NAMED = 5


def inference_summary(report: Mapping[str, Any]) -> "Group":
    """Summarises the `inference_report`: how many images, what was found in them, and what could not be read."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    title = Text(f"Found in {report['source']} by {report['artefact']}", style="italic")
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("class", "from score", "objects"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    thresholds = report["score_threshold"]
    for name, count in report["objects"].items():
        threshold = thresholds[name] if isinstance(thresholds, Mapping) else thresholds
        table.add_row(Text(name), f"{threshold:.2f}", str(count))
    lines = [f"{report['images']} images, {report['with_objects']} with objects"]
    if "seconds" in report:
        lines.append(f"{report['new']} in {report['seconds']:g} s, {report['images_per_second']:g} images a second")
    if report["from_before"]:
        lines.append(f"{report['from_before']} from an earlier run")
    if "tiles" in report:
        lines.append(f"in tiles of {report['tiles']['side']} pixels")
    left = [f"left out: {', '.join(f'{what} {count}' for what, count in report['left_out'].items())}"]
    unreadable = report["unreadable"]
    named = [Text(f"  {one['why']}", style="yellow") for one in unreadable[:_MOST_NAMED]]
    head = [Text(f"{len(unreadable)} cannot be read:", style="yellow")] if unreadable else []
    more = [Text(f"  and {len(unreadable) - _MOST_NAMED} more")] if len(unreadable) > _MOST_NAMED else []
    return Group(
        title, table, Text("; ".join(lines)), *map(Text, left if report["left_out"] else []), *head, *named, *more
    )
