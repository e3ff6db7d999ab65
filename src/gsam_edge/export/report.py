"""The rows of the optimization report, one per exported artefact."""

from dataclasses import dataclass
from typing import Any

from gsam_edge.export.format import NotBuilt, Precision
from gsam_edge.export.parity import Parity
from gsam_edge.export.prompt_free import PromptFreeCheck

REJECTED = "rejected"


@dataclass(frozen=True)
class ArtefactEvidence:
    """The checks of one artefact.

    Attributes:
        artefact: its name in the catalog.
        size_bytes: size of the file.
        check: whether it is prompt-free.
        parity: how its outputs differ from PyTorch's.
        precision: how it computes, which decides whether its outputs must equal PyTorch's.
    """

    artefact: str
    size_bytes: int
    check: PromptFreeCheck
    parity: Parity
    precision: Precision

    @property
    def verdict(self) -> str:
        """One sentence that begins with "accepted", "rejected", "unproven" or "to be measured"."""
        if self.check.fault:
            return f"{REJECTED}: {self.check.fault}"
        share = self.parity.matched_share
        if share is None:
            return "unproven: prompt-free, but neither it nor PyTorch found an object in the compared images"
        if self.parity.within_tolerance:
            return "accepted: prompt-free, its outputs equal PyTorch's within the tolerances"
        if self.precision != "integer":
            return f"{REJECTED}: its outputs differ from PyTorch's by more than the tolerances"
        return "to be measured: prompt-free, differs from PyTorch by its rounding; the evaluation tells what this costs"


def report_row(found: ArtefactEvidence) -> dict[str, Any]:
    """Builds an artefact's row: artefact, size_mb (10^6 bytes), prompt_free, parity (see `Parity`) and verdict."""
    return {
        "artefact": found.artefact,
        "size_mb": found.size_bytes / 1e6,
        "prompt_free": found.check.prompt_free,
        "parity": found.parity.to_dict(),
        "verdict": found.verdict,
    }


def not_built_row(artefact: str, reason: NotBuilt) -> dict[str, Any]:
    """Builds the row of an artefact that this machine could not build: artefact and verdict."""
    return {"artefact": artefact, "verdict": f"not built: {reason.why}"}
