"""The graph of `pruning`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.export.table import FORMATS, REFERENCE
from gsam_edge.pipelines.evaluation.pipeline import TEST, measuring
from gsam_edge.pipelines.optimization.pipeline import create_pipeline as exporting
from gsam_edge.pipelines.pruning import nodes
from gsam_edge.pipelines.templates import ARM_INPUTS, STUDENT

PRUNED = "student_pruned"


def create_pipeline() -> Pipeline:
    """Prunes the trained student, trains what is left, and exports, gates and measures it as the student was."""
    measured = [PRUNED, *(f"{PRUNED}_{name}" for name in FORMATS)]
    own = [
        node(
            nodes.prune_student,
            inputs={
                **ARM_INPUTS,
                "student_weights": "student_weights",
                "pruning": "params:pruning",
                "recovery": "params:recovery",
                "checkpoints": f"{PRUNED}_checkpoints",
            },
            outputs=[f"{PRUNED}_weights", "pruning_figures"],
            name="prune_student",
        ),
        node(
            nodes.report_pruning,
            inputs={
                "figures": "pruning_figures",
                "student": f"{STUDENT}_{REFERENCE}",
                "pruned": f"{PRUNED}_{REFERENCE}",
                "annotations_test": TEST[0],
                "images": TEST[1],
                "evaluation": "params:evaluation",
            },
            outputs="pruning_report",
            name="report_pruning",
        ),
        node(
            nodes.compare_pruned,
            inputs={name: f"measurement_{name}" for name in (STUDENT, f"{STUDENT}_{REFERENCE}", *measured)},
            outputs="pruning_comparison",
            name="compare_pruned",
        ),
    ]
    return Pipeline([*own, *measuring(PRUNED)]) + exporting(PRUNED)
