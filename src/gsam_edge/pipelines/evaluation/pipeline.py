"""The graph of `evaluation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.evaluation import nodes
from gsam_edge.pipelines.templates import TEACHER_INPUTS

TEST = ["annotations_test", "raw_images"]
ARTEFACTS = ["teacher", "student", *(f"student_{name}" for name in FORMATS)]
#: Formats that must equal PyTorch are left out: their predictions are the student's.
SHOWN = [
    "teacher",
    "student",
    *(f"student_{name}" for name, made_as in FORMATS.items() if made_as.precision == "integer"),
]


def create_pipeline() -> Pipeline:
    """Measures every artefact on the test split, each in fresh processes, and compares them."""
    exported = [
        node(
            nodes.measure_exported(name),
            inputs=[f"student_{name}", "student_weights", *TEST, "params:evaluation"],
            outputs=[f"measurement_student_{name}", f"predictions_student_{name}"],
            name=f"measure_student_{name}",
        )
        for name in FORMATS
    ]
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
            node(
                nodes.measure_student,
                inputs=["student_weights", *TEST, "params:evaluation", "params:device"],
                outputs=["measurement_student", "predictions_student"],
                name="measure_student",
            ),
            *exported,
            node(
                nodes.compare,
                inputs=[f"measurement_{artefact}" for artefact in ARTEFACTS],
                outputs=["comparison", "comparison_table", "plot_comparison"],
                name="compare",
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
