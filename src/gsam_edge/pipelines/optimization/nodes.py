"""Nodes of `optimization`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from gsam_edge.coco import Annotations, SplitConfig
from gsam_edge.evaluate.config import EvaluationConfig, GateConfig, ThresholdConfig
from gsam_edge.export.choice import FormatChoice
from gsam_edge.export.format import BuildData, NotBuilt, StudentModule
from gsam_edge.export.parity import ParityConfig
from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.types import StudentWeights
from gsam_edge.training.device import DeviceName
from gsam_edge.vision.images import ImageSource


def recommend_thresholds_of(model: str) -> Callable[..., dict[str, Any]]:
    """Builds the function that chooses the score from which a model's objects are shown."""

    def recommend_thresholds(
        student_weights: StudentWeights,
        annotations_val: Annotations,
        images: ImageSource,
        thresholds: ThresholdConfig,
        evaluation: EvaluationConfig,
        device: DeviceName,
    ) -> dict[str, Any]:
        """Returns for each class the score of the highest F1 on validation images (see `evaluate.thresholds`)."""
        from gsam_edge.evaluate.thresholds import student_thresholds

        return student_thresholds(student_weights, annotations_val, images, thresholds, evaluation, device, model=model)

    return recommend_thresholds


def export_as(name: str) -> Callable[..., bytes | NotBuilt]:
    """Builds the function that exports the student in one format."""
    target = FORMATS[name]

    def export(
        source: StudentWeights | bytes | NotBuilt,
        formats: FormatChoice,
        annotations_train: Annotations,
        annotations_val: Annotations,
        images: ImageSource,
        config: BaseModel,
        evaluation: EvaluationConfig,
        seed: int,
        recommended: dict[str, Any] | None = None,
    ) -> bytes | NotBuilt:
        """Exports the student in this format, or says why there is none: not asked for, or not on this machine.

        The recommended thresholds stand in its card; a format that is made from another takes them from that one's.
        """
        from gsam_edge.export.build import build_artefact

        if name not in formats.built():
            return NotBuilt("not asked for: formats")
        made_from = source if isinstance(source, bytes | NotBuilt) else _module(source, recommended)
        data = BuildData(annotations_train, annotations_val, images, seed, evaluation.threads)
        return build_artefact(target, made_from, data, config)

    export.__annotations__["config"] = target.config  # what Kedro checks the parameters by, before anything runs
    return export


def gate_artefacts_of(model: str) -> Callable[..., dict[str, Any]]:
    """Builds the function that decides which artefacts of a model are shipped."""

    def gate_artefacts(
        student_weights: StudentWeights,
        annotations_val: Annotations,
        images: ImageSource,
        parity: ParityConfig,
        gate: GateConfig,
        evaluation: EvaluationConfig,
        recommended: dict[str, Any],
        duplicates: dict[str, Any],
        split: SplitConfig,
        **candidates: bytes | NotBuilt,
    ) -> dict[str, Any]:
        """Returns the report, one row per format, and by format the artefact that is shipped (see `evaluate.gate`)."""
        from gsam_edge.evaluate.gate import gate_artefacts
        from gsam_edge.evaluate.report import draws_of

        student = _module(student_weights, recommended)
        groups = draws_of(annotations_val, split.group_by, duplicates).groups
        rows, shipped = gate_artefacts(
            student, candidates, annotations_val, images, parity, gate, evaluation, groups=groups, model=model
        )
        return {"report": rows, **shipped}

    return gate_artefacts


def accept_artefacts(optimization_report: list[dict[str, Any]]) -> None:
    """Ends the run at an artefact that has no business to exist; the report that says why is stored already."""
    from gsam_edge.export.evidence import require_accepted

    require_accepted(optimization_report)


def _module(weights: StudentWeights, recommended: dict[str, Any] | None) -> StudentModule:
    from gsam_edge.metrics.thresholds import thresholds_of
    from gsam_edge.students.table import family_of

    card = weights.card
    if recommended is not None:
        card = replace(card, recommended_thresholds=thresholds_of(weights.class_names, recommended))
    return StudentModule(family_of(weights.architecture).module(weights), card)
