"""Checks artefacts before they are used: that they are prompt-free and give the outputs of the PyTorch student."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from gsam_edge.export.calibration import CalibrationCanvases
from gsam_edge.export.format import Format, NotBuilt, StudentModule
from gsam_edge.export.parity import ParityConfig, compare_with_torch
from gsam_edge.export.prompt_free import check_module_prompt_free, check_prompt_free
from gsam_edge.export.report import REJECTED, ArtefactEvidence, not_built_row, report_row
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.images import ImageSource


class RejectedArtefactError(UserError):
    """An artefact that needs more than an image, or whose outputs differ from those of its student."""


def collect_evidence(
    student: StudentModule,
    artefacts: Mapping[str, tuple[Format[Any, Any], bytes | NotBuilt]],
    images: ImageSource,
    file_names: Sequence[str],
    config: ParityConfig,
) -> list[dict[str, Any]]:
    """Checks every artefact for prompts and compares it with PyTorch.

    Args:
        student: the student that the artefacts were made from.
        artefacts: catalog name to format and content.
        images: where the images come from.
        file_names: images to compare on; `config.images` of them are taken, evenly spread.
        config: thresholds and tolerances.

    Returns:
        The catalog's `optimization_report`, one row per artefact: see `export.report`.

    Raises:
        RejectedArtefactError: if the module or an artefact needs more than an image, or gives other outputs.
        ValueError: if there are no images.
    """
    if fault := check_module_prompt_free(student.module).fault:
        raise RejectedArtefactError(f"the PyTorch student is not prompt-free: {fault}")
    if not file_names:
        raise ValueError("collect_evidence: expected images to compare on, got none")
    count = min(config.images, len(file_names))
    chosen = tuple(file_names[index * len(file_names) // count] for index in range(count))
    rows = []
    for name, (made_as, content) in artefacts.items():
        if isinstance(content, NotBuilt):
            rows.append(not_built_row(name, content))
            continue
        check = check_prompt_free(made_as.inputs(content))
        if check.fault:
            raise RejectedArtefactError(f"{name} is not prompt-free: {check.fault}")
        canvases = CalibrationCanvases(images, chosen, made_as.read_card(content))
        try:
            engine = open_engine(content, made_as.suffix, threads=0)
        except ArtefactError as error:
            raise RejectedArtefactError(f"{name}: {error}") from error
        with closing(engine):
            compared = compare_with_torch(student, engine, canvases, config.for_precision(made_as.precision))
        evidence = ArtefactEvidence(name, len(content), check, compared, made_as.precision)
        rows.append(report_row(evidence))
    return rows


def require_accepted(rows: Sequence[Mapping[str, Any]]) -> None:
    """Checks that no artefact was rejected.

    Raises:
        RejectedArtefactError: naming every rejected artefact, the reason and the figures.
    """
    rejected = [row for row in rows if row["verdict"].startswith(REJECTED)]
    if rejected:
        reasons = "; ".join(f"{row['artefact']} {row['verdict']}, found {row['parity']}" for row in rejected)
        raise RejectedArtefactError(f"expected artefacts with the outputs of their PyTorch student: {reasons}")
