"""How artefacts differ in accuracy from the one that they are compared with, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from gsam_edge.metrics.figures import FIGURES
from gsam_edge.metrics.rows import is_distinguishable

NOT_DISTINGUISHABLE = "not distinguishable"
#: The figures that are told of, where they apply.
SHOWN = ("box_map50", "mask_map50")


def heading_of(name: str) -> str:
    """Returns a figure's heading in one line."""
    return FIGURES[name].heading.replace("\n", " ")


def verdict_of(difference: Mapping[str, Any]) -> str:
    """Returns what a difference of `evaluation_report` comes to, in a word or two."""
    distinguishable = is_distinguishable(difference)
    if distinguishable is None:
        return "not known: too few images with objects"
    if not distinguishable:
        return NOT_DISTINGUISHABLE
    return "better" if difference["difference"] > 0 else "worse"


def points(difference: Mapping[str, Any]) -> str:
    """Returns a difference in points (hundredths), with its interval where there is one."""
    text = f"{100 * difference['difference']:+.1f}"
    if "ci95" in difference:
        low, high = (100 * end for end in difference["ci95"])
        text += f" ({low:+.1f} to {high:+.1f})"
    return text


def told_differences(report: Mapping[str, Any]) -> Iterator[str]:
    """Yields a sentence for each figure and verdict: which artefacts, against which.

    Args:
        report: `evaluation_report`.
    """
    for name in SHOWN:
        groups: dict[tuple[str, str], list[str]] = {}
        for artefact, entry in report.get("differences", {}).items():
            if name in entry["figures"]:
                difference = entry["figures"][name]
                verdict = verdict_of(difference)
                known = is_distinguishable(difference) is not None
                told = f"{artefact} {points(difference)}" if known else artefact
                groups.setdefault((entry["against"], verdict), []).append(told)
        for (against, verdict), told in groups.items():
            unit = " (points, 95 % interval)" if not verdict.startswith("not known") else ""
            yield f"{heading_of(name)} against {against}{unit}: {verdict}: {', '.join(told)}"
