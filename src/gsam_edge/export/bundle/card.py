"""What a bundle says of its student: `card.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gsam_edge.export.bundle.config import format_of
from gsam_edge.export.format import Format
from gsam_edge.export.table import FORMATS
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.vision.letterbox import PADDING_GREY


@dataclass(frozen=True)
class Student:
    """An exported student that goes into a bundle.

    Attributes:
        name: its name in the catalog.
        content: its file's content.
        file: its file's name in the bundle.
        made_as: its format.
        card: its own metadata.
        thresholds: by class id, the scores (0..1) from which objects are shown.
    """

    name: str
    content: bytes
    file: str
    made_as: Format[Any, Any]
    card: Card
    thresholds: tuple[float, ...]

    @classmethod
    def read(cls, name: str, content: bytes) -> "Student":
        """Reads an artefact by its name in the catalog.

        Raises:
            ArtefactError: if it cannot be read, or recommends no thresholds.
        """
        made_as = FORMATS[format_of(name)]
        card = made_as.read_card(content)
        if card.recommended_thresholds is None:
            raise ArtefactError(
                f"{name}: expected the scores from which its objects are shown, got a card without; run the pipeline "
                "optimization again"
            )
        model = name.removesuffix(f"_{made_as.name}")
        return cls(name, content, f"{model}{made_as.suffix}", made_as, card, card.recommended_thresholds)

    @property
    def digest(self) -> str:
        """SHA-256 of its content, hexadecimal."""
        return sha256(self.content).hexdigest()


def bundle_card(
    student: Student, *, why: str, measured: Mapping[str, Any] | None, verdict: str | None, use: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the content of `card.json`.

    Args:
        student: the student.
        why: a sentence that says why it is this one.
        measured: its row of `comparison`; None where it was not measured.
        verdict: what the gate said of it; None where it did not see it.
        use: settings of predict.py, see `runtime.inference.command.Bundle`.

    Returns:
        A value for JSON; what is not known is absent.
    """
    card = student.card
    (tensor,) = student.made_as.inputs(student.content)
    known = {"weights": card.weights, "split": card.split, "gate": verdict, "measured": measured}
    return {
        "artefact": student.name,
        "file": student.file,
        "sha256": student.digest,
        "bytes": len(student.content),
        "why": why,
        "format": student.made_as.name,
        "engine": student.made_as.engine,
        "architecture": card.architecture,
        "task": card.task,
        "made_with": f"gsam_edge {card.version}",
        "classes": [
            {"id": class_id, "name": name, "threshold": threshold}
            for class_id, (name, threshold) in enumerate(zip(card.class_names, student.thresholds, strict=True))
        ],
        "preprocessing": {
            "input": {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype},
            "channels": "RGB, channels first",
            "range": [0, 1],
            "orientation": "as EXIF says",
            "resize": "aspect ratio kept, bilinear with antialiasing, centred",
            "padding": PADDING_GREY / 255,
        },
        "notes": list(card.notes),
        **{key: value for key, value in known.items() if value is not None},
        "use": dict(use),
    }
