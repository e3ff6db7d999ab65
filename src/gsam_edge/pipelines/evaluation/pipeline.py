"""The graph of `evaluation`."""

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.evaluation import nodes
from gsam_edge.pipelines.evaluation.review import what_next
from gsam_edge.pipelines.templates import STUDENT, TEACHER_INPUTS

TEST = ["annotations_test", "raw_images"]
ARTEFACTS = ["teacher", "student", *(f"student_{name}" for name in FORMATS)]
#: Formats that must equal PyTorch are left out: their predictions are the student's.
SHOWN = [
    "teacher",
    "student",
    *(f"student_{name}" for name, made_as in FORMATS.items() if made_as.precision == "integer"),
]


def measuring(model: str) -> list[Node]:
    """Builds the nodes that measure a student, by its name in the catalog, in PyTorch and in every format."""
    exported = [
        node(
            nodes.measure_exported(model, name),
            inputs=[f"{model}_{name}", f"{model}_weights", *TEST, "params:evaluation"],
            outputs=[f"measurement_{model}_{name}", f"predictions_{model}_{name}"],
            name=f"measure_{model}_{name}",
        )
        for name in FORMATS
    ]
    in_pytorch = node(
        nodes.measure_model(model),
        inputs=[f"{model}_weights", *TEST, "params:evaluation", "params:device"],
        outputs=[f"measurement_{model}", f"predictions_{model}"],
        name=f"measure_{model}",
    )
    return [in_pytorch, *exported]


def create_pipeline() -> Pipeline:
    """Measures every artefact on the test split, each in fresh processes, and compares them."""
    return Pipeline(
        [
            node(
                nodes.measure_teacher,
                inputs={
                    "annotations_test": "annotations_test",
                    "images": "raw_images",
                    "choice": "params:teachers",
                    "evaluation": "params:evaluation",
                    "labelling": "params:labelling",
                    "device": "params:device",
                    **TEACHER_INPUTS,
                },
                outputs=["measurement_teacher", "predictions_teacher"],
                name="measure_teacher",
            ),
            *measuring(STUDENT),
            *what_next(),
            node(
                nodes.compare,
                inputs={artefact: f"measurement_{artefact}" for artefact in ARTEFACTS},
                outputs=["comparison", "comparison_table", "plot_comparison"],
                name="compare",
            ),
            node(
                nodes.evaluate_artefacts,
                inputs={
                    "annotations_test": "annotations_test",
                    "evaluation": "params:evaluation",
                    "recommended": f"{STUDENT}_thresholds",
                    **{artefact: f"predictions_{artefact}" for artefact in ARTEFACTS},
                },
                outputs="evaluation_report",
                name="evaluate_artefacts",
            ),
            node(
                nodes.draw_predictions,
                inputs={
                    "annotations_test": "annotations_test",
                    "images": "raw_images",
                    "evaluation": "params:evaluation",
                    **{artefact: f"predictions_{artefact}" for artefact in SHOWN},
                },
                outputs="plot_predictions",
                name="draw_predictions",
            ),
        ]
    )
