"""Nodes of `optimization`."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from gsam_edge.coco import Annotations
from gsam_edge.export.format import BuildData, NotBuilt, StudentModule
from gsam_edge.export.parity import ParityConfig
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.types import StudentWeights
from gsam_edge.vision.images import ImageSource


def export_as(name: str) -> Callable[..., bytes | NotBuilt]:
    """Builds the function that exports the student in one format."""
    target = FORMATS[name]

    def export(
        source: StudentWeights | bytes | NotBuilt,
        annotations_train: Annotations,
        images: ImageSource,
        config: BaseModel,
        seed: int,
    ) -> bytes | NotBuilt:
        """Exports the student in this format, or says why this machine cannot."""
        from gsam_edge.export.build import build_artefact

        made_from = source if isinstance(source, bytes | NotBuilt) else _module(source)
        return build_artefact(target, made_from, BuildData(annotations_train, images, seed), config)

    export.__annotations__["config"] = target.config  # what Kedro checks the parameters by, before anything runs
    return export


def report_optimization(
    student_weights: StudentWeights,
    annotations_val: Annotations,
    images: ImageSource,
    parity: ParityConfig,
    **artefacts: bytes | NotBuilt,
) -> list[dict[str, Any]]:
    """Returns one row per artefact: artefact, size_mb, prompt_free, parity, verdict (see `export.report`)."""
    from gsam_edge.export.evidence import collect_evidence

    made = {f"student_{name}": (FORMATS[name], content) for name, content in artefacts.items()}
    names = [image["file_name"] for image in annotations_val.images]
    return collect_evidence(_module(student_weights), made, images, names, parity)


def accept_artefacts(optimization_report: list[dict[str, Any]]) -> None:
    """Ends the run if an artefact was rejected; the report that says why is stored already."""
    from gsam_edge.export.evidence import require_accepted

    require_accepted(optimization_report)


def _module(weights: StudentWeights) -> StudentModule:
    from gsam_edge.students.table import family_of

    return StudentModule(family_of(weights.architecture).module(weights), weights.card)
