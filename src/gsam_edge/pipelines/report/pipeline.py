"""The graph of `report`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.report import nodes
from gsam_edge.pipelines.templates import STUDENT

#: The reports that the page and the card tell of.
REPORTS = (
    "validation_report",
    "teacher_report",
    "label_report",
    "distillation_report",
    "optimization_report",
    f"{STUDENT}_thresholds",
    "comparison",
    "evaluation_report",
    "recommendation",
    "failure_report",
    "review_report",
    "next_to_label",
    "run_record",
)


def create_pipeline() -> Pipeline:
    """Writes the page for people and the model card, of what all other steps left."""
    return Pipeline(
        [
            node(
                nodes.write_report,
                inputs={
                    "annotations_test": "annotations_test",
                    "images": "raw_images",
                    "unlabelled": "unlabelled_images",
                    "predictions": f"predictions_{STUDENT}",
                    "student_weights": f"{STUDENT}_weights",
                    "review": "review",
                    "dataset": "params:dataset",
                    "config": "params:report",
                    "gate": "params:gate",
                    "evaluation": "params:evaluation",
                    **{name: name for name in REPORTS},
                },
                outputs=["report", "model_card"],
                name="write_report",
            )
        ]
    )
