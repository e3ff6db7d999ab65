"""The graph of `teacher_finetune`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.teacher_finetune import nodes
from gsam_edge.pipelines.templates import TEACHER_INPUTS, tune_node
from gsam_edge.teachers.table import TEACHERS


def create_pipeline() -> Pipeline:
    """Tunes the chosen teachers that the data calls for with LoRA and measures them before and after."""
    return Pipeline(
        [
            *(tune_node(family) for family in TEACHERS.values()),
            node(
                nodes.report_teachers,
                inputs={
                    "val": "annotations_val",
                    "images": "raw_images",
                    "choice": "params:teachers",
                    "labelling": "params:labelling",
                    "floor": "params:teacher_floor",
                    "worst": "params:worst_images",
                    "device": "params:device",
                    **TEACHER_INPUTS,
                },
                outputs=["teacher_report", "plot_teacher_classes", "plot_teacher_worst"],
                name="report_teachers",
            ),
            node(
                nodes.plot_curves,
                inputs={"log": "live_metrics", **{name: f"{name}_adapter" for name in TEACHERS}},
                outputs="plot_teacher_curves",
                name="plot_teacher_curves",
            ),
        ]
    )
