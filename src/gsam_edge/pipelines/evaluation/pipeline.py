"""The graph of `evaluation`."""

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from gsam_edge.export.table import FORMATS
from gsam_edge.pipelines.evaluation import nodes
from gsam_edge.pipelines.templates import STUDENT, TEACHER_INPUTS

TEST = ["annotations_test", "raw_images"]
#: Which images belong together, for the intervals of figures.
GROUPS = {"duplicates": "image_duplicates", "split": "params:split"}
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
            inputs={
                "content": f"{model}_{name}",
                "student_weights": f"{model}_weights",
                "annotations_test": TEST[0],
                "images": TEST[1],
                "evaluation": "params:evaluation",
                **GROUPS,
            },
            outputs=[f"measurement_{model}_{name}", f"predictions_{model}_{name}"],
            name=f"measure_{model}_{name}",
        )
        for name in FORMATS
    ]
    in_pytorch = node(
        nodes.measure_model(model),
        inputs={
            "student_weights": f"{model}_weights",
            "annotations_test": TEST[0],
            "images": TEST[1],
            "evaluation": "params:evaluation",
            "recommended": f"{model}_thresholds",
            "device": "params:device",
            **GROUPS,
        },
        outputs=[f"measurement_{model}", f"predictions_{model}"],
        name=f"measure_{model}",
    )
    return [in_pytorch, *exported]


def create_pipeline() -> Pipeline:
    """Measures every artefact on the test split, each in fresh processes, compares them, and says which to ship."""
    return Pipeline(
        [
            node(
                nodes.measure_teacher,
                inputs={
                    "annotations_test": "annotations_test",
                    "teacher_labels_test": "teacher_labels_test",
                    "images": "raw_images",
                    "choice": "params:teachers",
                    "evaluation": "params:evaluation",
                    "labelling": "params:labelling",
                    "device": "params:device",
                    "teacher_report": "teacher_report",
                    **GROUPS,
                    **TEACHER_INPUTS,
                },
                outputs=["measurement_teacher", "predictions_teacher"],
                name="measure_teacher",
            ),
            *measuring(STUDENT),
            node(
                nodes.time_artefacts,
                inputs={
                    "annotations_test": "annotations_test",
                    "images": "raw_images",
                    "choice": "params:teachers",
                    "evaluation": "params:evaluation",
                    "labelling": "params:labelling",
                    "device": "params:device",
                    "teacher_report": "teacher_report",
                    "student_weights": f"{STUDENT}_weights",
                    **TEACHER_INPUTS,
                    **{f"{STUDENT}_{name}": f"{STUDENT}_{name}" for name in FORMATS},
                    **{f"measured_{artefact}": f"measurement_{artefact}" for artefact in ARTEFACTS},
                },
                outputs="artefact_times",
                name="time_artefacts",
            ),
            node(
                nodes.compare,
                inputs={
                    "times": "artefact_times",
                    "evaluation_report": "evaluation_report",
                    **{artefact: f"measurement_{artefact}" for artefact in ARTEFACTS},
                },
                outputs=["comparison", "comparison_table", "plot_comparison"],
                name="compare",
            ),
            node(
                nodes.recommend,
                inputs={
                    "comparison": "comparison",
                    "evaluation_report": "evaluation_report",
                    "budget": "params:budget",
                    "files": "artefact_files",
                    **{artefact: f"measurement_{artefact}" for artefact in ARTEFACTS},
                },
                outputs="recommendation",
                name="recommend",
            ),
            node(
                nodes.evaluate_artefacts,
                inputs={
                    "annotations_test": "annotations_test",
                    "evaluation": "params:evaluation",
                    "recommended": f"{STUDENT}_thresholds",
                    **GROUPS,
                    **{artefact: f"predictions_{artefact}" for artefact in ARTEFACTS},
                },
                outputs="evaluation_report",
                name="evaluate_artefacts",
            ),
            node(
                nodes.plot_evaluation,
                inputs="evaluation_report",
                outputs=["plot_confusion", "plot_precision_recall", "plot_reliability"],
                name="plot_evaluation",
            ),
            node(
                nodes.draw_predictions,
                inputs={
                    "annotations_test": "annotations_test",
                    "images": "raw_images",
                    "evaluation": "params:evaluation",
                    "recommended": f"{STUDENT}_thresholds",
                    **{artefact: f"predictions_{artefact}" for artefact in SHOWN},
                },
                outputs="plot_predictions",
                name="draw_predictions",
            ),
        ]
    )
