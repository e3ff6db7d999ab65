"""What the rows of `comparison` say beside their figures."""

from collections.abc import Mapping, Sequence
from typing import Any

#: An artefact that finds a smaller share of the objects is of no use, and so how fast it is says nothing.
LEAST_FOUND = 0.05
#: A 95th percentile above so many medians is of a machine that did something else meanwhile, or of very unlike images.
MOST_SPREAD = 3.0


def finds_nothing(row: Mapping[str, Any]) -> bool:
    """Whether an artefact finds next to nothing.

    It is judged by its recall at the threshold that it is used with (`at_threshold`), else by its largest mAP50. Where
    a row has neither, nothing is known of it.
    """
    used = row.get("at_threshold")
    if used is not None and used.get("objects"):
        return bool(used["found"] < LEAST_FOUND * used["objects"])
    precisions = [row[name] for name in ("box_map50", "mask_map50") if name in row]
    return bool(precisions) and max(precisions) < LEAST_FOUND


def is_disturbed(median_ms: float, p95_ms: float) -> bool:
    """Whether calls took so unlike times that their 95th percentile says little about the artefact."""
    return p95_ms > MOST_SPREAD * median_ms


def main_figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the name of the accuracy that rows are set against one another by: of boxes, where one of them has it."""
    return "box_map50" if any("box_map50" in row for row in rows) else "mask_map50"


def is_distinguishable(difference: Mapping[str, Any]) -> bool | None:
    """Whether a difference of `evaluation_report` is more than the luck of which images are in the split.

    None where too few images hold objects, so that there is no interval.
    """
    interval = difference.get("ci95")
    return None if interval is None else bool(interval[0] > 0 or interval[1] < 0)
