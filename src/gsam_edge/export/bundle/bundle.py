"""Puts an exported student and all that is needed to use it into one zip."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gsam_edge.export.bundle.card import Student, bundle_card
from gsam_edge.export.bundle.config import BundleConfig
from gsam_edge.export.bundle.requirements import requirements, video_requirements
from gsam_edge.export.bundle.texts import pages
from gsam_edge.export.bundle.wheel import WHEEL_NAME, licence_text, runtime_wheel
from gsam_edge.export.format import NotBuilt
from gsam_edge.runtime.archive import CARD_FILE, pack
from gsam_edge.runtime.card import ArtefactError

#: The folder that the zip unpacks to.
FOLDER = "edge_bundle"


def chosen(config: BundleConfig, recommendation: Mapping[str, Any]) -> tuple[str, str] | NotBuilt:
    """Returns the name of the artefact that the bundle holds and why, or why there is no bundle.

    Args:
        config: may name it.
        recommendation: the report `recommendation`.
    """
    if config.artefact is not None:
        return config.artefact, "asked for: bundle.artefact"
    why = str(recommendation["why"])
    return NotBuilt(why) if recommendation["ship"] is None else (str(recommendation["ship"]), why)


def build_bundle(
    name: str,
    content: bytes,
    *,
    why: str,
    comparison: Sequence[Mapping[str, Any]],
    gate: Sequence[Mapping[str, Any]],
    use: Mapping[str, Any],
) -> bytes:
    """Returns the bundle of an artefact: a zip, the same bytes for the same artefact, reports and installed versions.

    Args:
        name: the artefact's name in the catalog.
        content: its file's content.
        why: a sentence that says why it is this one.
        comparison: the report `comparison`.
        gate: the report `optimization_report`.
        use: settings of predict.py, see `runtime.inference.command.Bundle`.

    Raises:
        ArtefactError: if the artefact cannot be read, recommends no thresholds, or is not the one that was measured.
    """
    student = Student.read(name, content)
    measured, judged = (next((row for row in rows if row["artefact"] == name), None) for rows in (comparison, gate))
    if measured is not None and measured["digest"] != student.digest:
        raise ArtefactError(
            f"{name}: expected the file that was measured (SHA-256 {measured['digest']:.12}...), got another one "
            f"({student.digest:.12}...), exported since; run the pipeline evaluation again"
        )
    card = bundle_card(
        student, why=why, measured=measured, verdict=None if judged is None else judged["verdict"], use=use
    )
    files = {
        **pages(student, card),
        "LICENSE": licence_text(),
        CARD_FILE: f"{json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode(),
        "requirements.txt": requirements(student.made_as.engine).encode(),
        "requirements-video.txt": video_requirements().encode(),
        student.file: content,
        WHEEL_NAME: runtime_wheel(),
    }
    return pack({f"{FOLDER}/{file}": files[file] for file in sorted(files)})
