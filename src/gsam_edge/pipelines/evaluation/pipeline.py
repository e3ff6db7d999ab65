"""The graph of `evaluation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.evaluation import nodes
from gsam_edge.pipelines.templates import TEACHER_INPUTS

TEST = ["annotations_test", "raw_images"]
ARTEFACTS = ("teacher", "student", "student_onnx", "student_onnx_int8")
MEASUREMENTS = [f"measurement_{artefact}" for artefact in ARTEFACTS]
SHOWN = ["predictions_teacher", "predictions_student", "predictions_student_onnx_int8"]


def create_pipeline() -> Pipeline:
    """The test split through every artefact, each in a fresh process of its own runtime."""
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
            node(
                nodes.measure_student_onnx,
                inputs=["student_onnx", "student_weights", *TEST, "params:evaluation"],
                outputs=["measurement_student_onnx", "predictions_student_onnx"],
                name="measure_student_onnx",
            ),
            node(
                nodes.measure_student_onnx_int8,
                inputs=["student_onnx_int8", "student_weights", *TEST, "params:evaluation"],
                outputs=["measurement_student_onnx_int8", "predictions_student_onnx_int8"],
                name="measure_student_onnx_int8",
            ),
            node(
                nodes.compare,
                inputs=MEASUREMENTS,
                outputs=["comparison", "comparison_table", "plot_comparison"],
                name="compare",
            ),
            node(
                nodes.draw_predictions,
                inputs=[*TEST, *SHOWN, "params:evaluation"],
                outputs="plot_predictions",
                name="draw_predictions",
            ),
        ]
    )
