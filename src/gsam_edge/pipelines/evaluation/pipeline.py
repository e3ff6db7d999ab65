"""The graph of `evaluation`."""

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.evaluation import nodes
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
                nodes.find_failures,
                inputs={
                    "annotations_test": "annotations_test",
                    "images": "raw_images",
                    "predictions": f"predictions_{STUDENT}",
                    "recommended": f"{STUDENT}_thresholds",
                    "evaluation": "params:evaluation",
                    "failures": "params:failures",
                },
                outputs=["failure_report", "plot_failures"],
                name="find_failures",
            ),
            node(
                nodes.look_at_labelled,
                inputs={
                    "student_weights": f"{STUDENT}_weights",
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "images": "raw_images",
                    "evaluation": "params:evaluation",
                    "review": "params:review",
                    "seed": "params:seed",
                    "device": "params:device",
                },
                outputs=[f"predictions_{STUDENT}_train", f"predictions_{STUDENT}_val"],
                name="look_at_labelled",
            ),
            node(
                nodes.make_review,
                inputs={
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "test": "annotations_test",
                    "student_train": f"predictions_{STUDENT}_train",
                    "student_val": f"predictions_{STUDENT}_val",
                    "student_test": f"predictions_{STUDENT}",
                    "teacher_train": "teacher_labels",
                    "teacher_val": "teacher_labels_val",
                    "teacher_test": "teacher_labels_test",
                    "images": "raw_images",
                    "evaluation": "params:evaluation",
                    "failures": "params:failures",
                    "review": "params:review",
                },
                outputs=["review", "review_report", "plot_review"],
                name="make_review",
            ),
            node(
                nodes.choose_next_to_label,
                inputs={
                    "student_weights": f"{STUDENT}_weights",
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "test": "annotations_test",
                    "held_back": "annotations_held_back",
                    "pool": "annotations_pool",
                    "student_val": f"predictions_{STUDENT}_val",
                    "teacher_val": "teacher_labels_val",
                    "teacher_pool": "teacher_labels_pool",
                    "images": "raw_images",
                    "unlabelled": "unlabelled_images",
                    "image_scan": "image_scan",
                    "evaluation": "params:evaluation",
                    "failures": "params:failures",
                    "config": "params:next_to_label",
                    "seed": "params:seed",
                    "device": "params:device",
                },
                outputs=["next_to_label", "next_to_label_table", "plot_next_to_label"],
                name="choose_next_to_label",
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
