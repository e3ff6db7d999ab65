"""What is found out about the artefacts before anybody may use them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gsam_edge.export.calibration import CalibrationCanvases
from gsam_edge.export.onnx_export import read_card
from gsam_edge.export.parity import ParityConfig, compare_with_torch
from gsam_edge.export.prompt_free import check_module_prompt_free, check_prompt_free
from gsam_edge.export.report import REJECTED, ArtefactEvidence, optimization_report
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from torch import nn


class RejectedArtefactError(UserError):
    """An artefact that asks for more than a picture, or answers differently from the student it was made of."""


def collect_evidence(
    module: "nn.Module",
    artefacts: Mapping[str, tuple[bytes, bool]],
    images: ImageSource,
    file_names: Sequence[str],
    config: ParityConfig,
) -> list[dict[str, Any]]:
    """Checks every artefact for prompts and compares it with PyTorch.

    Args:
        module: the student that the artefacts were made of.
        artefacts: catalog name to the ONNX file's content and whether it is meant to answer exactly like the module.
        images: where the pictures come from.
        file_names: pictures to compare on; `config.images` of them are taken, evenly spread.
        config: what counts as equal.

    Returns:
        Rows as `export.report.optimization_report` makes them.

    Raises:
        RejectedArtefactError: if the module or an artefact asks for more than a picture.
        ValueError: if there are no pictures.
    """
    if fault := check_module_prompt_free(module).fault:
        raise RejectedArtefactError(f"the PyTorch student is not prompt-free: {fault}")
    if not file_names:
        raise ValueError("collect_evidence: expected pictures to compare on, got none")
    count = min(config.images, len(file_names))
    chosen = tuple(file_names[index * len(file_names) // count] for index in range(count))
    found = []
    for name, (model, exact) in artefacts.items():
        check = check_prompt_free(model)
        if check.fault:
            raise RejectedArtefactError(f"{name} is not prompt-free: {check.fault}")
        canvases = CalibrationCanvases(images, chosen, read_card(model).image_size)
        compared = compare_with_torch(module, model, canvases, config, threads=0)
        found.append(ArtefactEvidence(name, len(model), check, compared, exact, config.least_matched_share))
    return optimization_report(found)


def require_accepted(rows: Sequence[Mapping[str, Any]]) -> None:
    """Stops if an artefact was rejected.

    Raises:
        RejectedArtefactError: naming every rejected artefact, the reason and the figures.
    """
    rejected = [row for row in rows if row["verdict"].startswith(REJECTED)]
    if rejected:
        reasons = "; ".join(f"{row['artefact']} {row['verdict']}, found {row['parity']}" for row in rejected)
        raise RejectedArtefactError(f"expected artefacts that answer as the student they were made of: {reasons}")
