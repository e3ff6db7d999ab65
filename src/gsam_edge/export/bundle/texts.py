"""The pages of a bundle, filled in from the templates in the folder `files`."""

from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

import gsam_edge
from gsam_edge.export.bundle.card import Student
from gsam_edge.export.bundle.wheel import WHEEL_NAME
from gsam_edge.metrics.figures import FIGURES
from gsam_edge.vision.letterbox import PADDING_GREY

_FILES = files("gsam_edge.export.bundle") / "files"
_COMMAND = "predict.py"


def pages(student: Student, card: Mapping[str, Any]) -> dict[str, bytes]:
    """Returns the files of a bundle that people read, and the command, by name.

    Args:
        student: the student.
        card: the content of `card.json`, see `bundle_card`.
    """
    values = {
        "artefact": student.name,
        "architecture": student.card.architecture,
        "engine": student.made_as.engine,
        "file": student.file,
        "image_size": student.card.image_size,
        "measured": _measured(card.get("measured"), student),
        "names": ", ".join(map(_cell, student.card.class_names)),
        "padding": PADDING_GREY,
        "sha256": student.digest,
        "size_mb": f"{len(student.content) / 1e6:.1f}",
        "threads": card["use"]["threads"],
        "thresholds": "\n".join(f"| {_cell(one['name'])} | {one['threshold']:.2f} |" for one in card["classes"]),
        "version": gsam_edge.__version__,
        "wheel": WHEEL_NAME,
    }
    texts = {page.name: page.read_text("utf-8") for page in _FILES.iterdir() if page.is_file()}  # pip adds a folder
    filled = {name: text if name == _COMMAND else Template(text).substitute(values) for name, text in texts.items()}
    return {name: text.encode() for name, text in filled.items()}


def _measured(row: Mapping[str, Any] | None, student: Student) -> str:
    """Returns what was measured of a student in words and as a table."""
    if row is None:
        return f"`{student.name}` was not measured on test images."
    said = [f"Measured on {row['images']} test images with {row['objects']} objects, which it did not learn from."]
    at = row.get("at_threshold")
    if at is not None:
        alarms = at["per_100_images"]["false_alarms"]
        scores = "the scores above" if at["threshold"] == "recommended" else f"a score of {at['threshold']}"
        said.append(
            f"Shown from {scores}, it finds {at['found']} of the {at['objects']} objects and reports "
            f"{at['false_alarms']} that are none: {alarms:.0f} false alarms in 100 images."
        )
    intervals = row.get("intervals", {})
    lines = ["| figure | value | 95 % interval |", "|---|---|---|"]
    for name, figure in FIGURES.items():
        if name in row and figure.heading:
            of = intervals.get(name)
            between = "" if of is None else f"{of[0]:.{figure.decimals}f} to {of[1]:.{figure.decimals}f}"
            heading = _cell(figure.heading.replace("\n", " "))
            lines.append(f"| {heading} | {row[name]:.{figure.decimals}f} | {between} |")
    where = f"Times and memory: {row['runtime']}, threads: {row['threads']}, on the machine that made this bundle."
    return "\n".join([*said, "", *lines, "", where])


def _cell(text: str) -> str:
    """Returns a text that stays in one cell of a table."""
    return " ".join(text.replace("|", "\\|").split())
