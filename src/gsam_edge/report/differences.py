"""How artefacts differ in accuracy from the one that they are compared with, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from gsam_edge.metrics.figures import FIGURES
from gsam_edge.metrics.rows import is_distinguishable

NOT_DISTINGUISHABLE, SAME = "not distinguishable", "the same"
#: Points that are none with the one decimal in which they are told.
_NOTHING = 0.05
#: The figures that are told of, where they apply.
SHOWN = ("box_map50", "mask_map50")


def heading_of(name: str) -> str:
    """Returns a figure's heading in one line."""
    return FIGURES[name].heading.replace("\n", " ")


def verdict_of(difference: Mapping[str, Any]) -> str:
    """Returns what a difference of `evaluation_report` comes to, in a word or two."""
    distinguishable = is_distinguishable(difference)
    if all(abs(100 * value) < _NOTHING for value in (difference["difference"], *difference.get("ci95", ()))):
        return SAME
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
    """Yields a sentence for each figure: which artefacts are worse, better, or not distinguishable, against which.

    Args:
        report: `evaluation_report`.
    """
    for name in SHOWN:
        groups: dict[str, dict[str, list[str]]] = {}
        for artefact, entry in report.get("differences", {}).items():
            if name not in entry["figures"]:
                continue
            difference = entry["figures"][name]
            verdict = verdict_of(difference)
            told = artefact if verdict == SAME else f"{artefact} {points(difference)}"
            groups.setdefault(entry["against"], {}).setdefault(verdict, []).append(told)
        for against, verdicts in groups.items():
            parts = "; ".join(f"{verdict}: {', '.join(told)}" for verdict, told in verdicts.items())
            yield f"{heading_of(name)} against {against}, in points with 95 % intervals. {parts[0].upper()}{parts[1:]}"
