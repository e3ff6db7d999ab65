"""Checks artefacts before they are measured: that they are prompt-free and give the outputs of the PyTorch student."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from gsam_edge.export.calibration import CalibrationCanvases
from gsam_edge.export.format import Format, StudentModule
from gsam_edge.export.parity import Parity, ParityConfig, RunFailedError, compare_with_torch
from gsam_edge.export.prompt_free import PromptFreeCheck, check_prompt_free
from gsam_edge.export.report import REJECTED, ArtefactEvidence
from gsam_edge.export.stages import Certificate, certify
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.images import ImageSource


class RejectedArtefactError(UserError):
    """An artefact that needs more than an image, or whose outputs differ from those of its student."""


def collect_evidence(
    student: StudentModule,
    artefacts: Mapping[str, tuple[Format[Any, Any], bytes]],
    images: ImageSource,
    file_names: Sequence[str],
    config: ParityConfig,
) -> list[ArtefactEvidence]:
    """Checks every artefact for prompts and compares it with PyTorch; by its stages, too, if it computes in floats.

    Args:
        student: the student that the artefacts were made from.
        artefacts: catalog name to format and content.
        images: where the images come from.
        file_names: images to compare on; `config.images` of them are taken, evenly spread.
        config: thresholds and tolerances.

    Raises:
        ValueError: if there are no images.
    """
    if not file_names:
        raise ValueError("collect_evidence: expected images to compare on, got none")
    count = min(config.images, len(file_names))
    chosen = tuple(file_names[index * len(file_names) // count] for index in range(count))
    return [
        _examined(student, name, made_as, content, images, chosen, config)
        for name, (made_as, content) in artefacts.items()
    ]


def _examined(
    student: StudentModule,
    name: str,
    made_as: Format[Any, Any],
    content: bytes,
    images: ImageSource,
    chosen: tuple[str, ...],
    config: ParityConfig,
) -> ArtefactEvidence:
    """Checks one artefact; what keeps it from being read or run becomes evidence, too."""
    notes: tuple[str, ...] = ()
    check: PromptFreeCheck | None = None
    compared: Parity | None = None
    stages: Certificate | None = None
    unusable: str | None = None
    not_run: str | None = None
    try:
        card = made_as.read_card(content)
        notes, check = card.notes, check_prompt_free(made_as.inputs(content), card)
        if check.prompt_free:
            canvases = CalibrationCanvases(images, chosen, card)
            with closing(open_engine(content, made_as.suffix, threads=0)) as engine:
                compared = compare_with_torch(student, engine, canvases, config.for_precision(made_as.precision))
            if made_as.precision != "integer":
                stages = certify(student, made_as, content, canvases, config)
    except ArtefactError as error:
        unusable = str(error)
    except RunFailedError as error:
        not_run = str(error)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "gsam_edge":
            raise
        not_run = f"not run: the package {error.name} is not installed; {made_as.install}"
    return ArtefactEvidence(
        artefact=name,
        size_bytes=len(content),
        precision=made_as.precision,
        check=check,
        parity=compared,
        unusable=unusable,
        not_run=not_run,
        oldest_runtime=made_as.oldest_runtime,
        notes=notes,
        stages=stages,
    )


def require_accepted(rows: Sequence[Mapping[str, Any]]) -> None:
    """Checks that no artefact was rejected.

    Args:
        rows: of `optimization_report`.

    Raises:
        RejectedArtefactError: naming every rejected artefact, the reason and the figures.
    """
    rejected = [row for row in rows if row["verdict"].startswith(REJECTED)]
    if rejected:
        reasons = "; ".join(
            f"{row['artefact']} {row['verdict']}" + (f" ({row['parity']})" if "parity" in row else "")
            for row in rejected
        )
        raise RejectedArtefactError(f"expected prompt-free artefacts with their student's outputs: {reasons}")
