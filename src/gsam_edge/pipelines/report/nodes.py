"""Nodes of `report`."""

from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.evaluate.config import EvaluationConfig, GateConfig
from gsam_edge.pipelines.types import Predictions, StudentWeights
from gsam_edge.report.facts.config import ReportConfig
from gsam_edge.vision.images import ImageSource


def write_report(
    annotations_test: Annotations,
    images: ImageSource,
    unlabelled: ImageSource,
    predictions: Predictions,
    student_weights: StudentWeights,
    review: Any,
    dataset: str,
    config: ReportConfig,
    gate: GateConfig,
    evaluation: EvaluationConfig,
    **reports: Any,
) -> tuple[str, str]:
    """Writes the report for people, one HTML file, and the model card: both say what the reports say."""
    from gsam_edge.report.facts.collect import collect_facts
    from gsam_edge.report.pages.html import html_report
    from gsam_edge.report.pages.model_card import model_card

    facts = collect_facts(
        annotations_test,
        images,
        predictions,
        dataset=dataset,
        student_digest=student_weights.digest,
        reports=reports,
        config=config,
        most_drop=gate.most_drop,
        match_iou=evaluation.match_box_iou,
        unlabelled=unlabelled,
        doubts=review.drawn,
    )
    return html_report(facts), model_card(facts)
