"""Decides which exported students are shipped."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.coco import Annotations
from gsam_edge.export.evidence import collect_evidence
from gsam_edge.export.format import NotBuilt, StudentModule
from gsam_edge.export.parity import ParityConfig
from gsam_edge.export.table import FORMATS
from gsam_edge.vision.images import ImageSource


class GateConfig(BaseModel):
    """What an artefact must reach to be shipped, and how it is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(gt=0, description="CPU threads of an artefact while it is measured, of a format while built")


def gate(
    student: StudentModule,
    candidates: Mapping[str, bytes | NotBuilt],
    truth: Annotations,
    images: ImageSource,
    parity: ParityConfig,
) -> tuple[list[dict[str, Any]], dict[str, bytes | NotBuilt]]:
    """Checks every candidate; returns the rows of `optimization_report`, and by format what becomes the artefact."""
    made = {f"student_{name}": (FORMATS[name], content) for name, content in candidates.items()}
    rows = collect_evidence(student, made, images, [image["file_name"] for image in truth.images], parity)
    return rows, dict(candidates)
