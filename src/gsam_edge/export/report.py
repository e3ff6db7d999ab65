"""What is known of an exported student before its accuracy and speed are measured."""

from dataclasses import dataclass
from typing import Any

from gsam_edge.export.format import Precision
from gsam_edge.export.parity import Parity
from gsam_edge.export.prompt_free import PromptFreeCheck
from gsam_edge.export.stages import Certificate

#: Begins the verdict on an artefact that is wrong: the run ends once the report is stored.
REJECTED = "rejected"
#: Begins the verdict on an artefact that is not worth shipping: the run goes on with what is left.
REFUSED = "refused"
#: There is no file: it was not asked for, or could not be made here.
NOT_BUILT = "not built"


@dataclass(frozen=True)
class ArtefactEvidence:
    """The checks of one artefact.

    Attributes:
        artefact: its name in the catalog.
        size_bytes: size of the file.
        precision: how it computes, which decides whether its outputs must equal PyTorch's.
        check: whether it is prompt-free; None where it could not be read.
        parity: how its outputs differ from PyTorch's; None where it could not be run.
        unusable: why it is no artefact of its student, by its content; None where it is one.
        not_run: why it could not be run here; None where it was.
        oldest_runtime: see `Format`.
        notes: see `Card`.
        stages: where it and PyTorch part; None where it could not be run, or rounds everywhere by design.
    """

    artefact: str
    size_bytes: int
    precision: Precision
    check: PromptFreeCheck | None
    parity: Parity | None
    unusable: str | None
    not_run: str | None
    oldest_runtime: str | None
    notes: tuple[str, ...]
    stages: Certificate | None

    @property
    def objection(self) -> str | None:
        """The verdict, if it needs no measurement: one sentence that begins with `REJECTED` or `REFUSED`; else None."""
        wrong = REJECTED if self.precision == "single" else REFUSED
        if self.check is not None and self.check.fault:
            return f"{REJECTED}: {self.check.fault}"
        if self.unusable:
            return f"{wrong}: {self.unusable}"
        if self.not_run or self.parity is None:
            return f"{REFUSED}: {self.not_run}"
        if self.precision == "integer" or self.parity.within_tolerance:
            return None
        if not self.parity.objects:
            return f"{REFUSED}: {self.parity.words}"
        parted = self.stages.first_divergence if self.stages else None
        where = f"; the first stage that differs is {parted}" if parted else ""
        return f"{wrong}: its outputs differ from PyTorch's by more than the tolerances: {self.parity.words}{where}"

    def to_row(self) -> dict[str, Any]:
        """Returns the evidence for JSON: artefact, size_mb (10^6 bytes), prompt_free, parity (see `Parity`),
        oldest_runtime, notes and stages (see `Certificate`); what does not apply is absent.
        """
        row = {
            "artefact": self.artefact,
            "size_mb": self.size_bytes / 1e6,
            "prompt_free": None if self.check is None else self.check.prompt_free,
            "parity": None if self.parity is None else self.parity.to_dict(),
            "oldest_runtime": self.oldest_runtime,
            "notes": list(self.notes) or None,
            "stages": None if self.stages is None else self.stages.to_dict(),
        }
        return {key: value for key, value in row.items() if value is not None}
