"""The graph of `augmentation_preview`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.augmentation_preview import nodes
from gsam_edge.teachers.table import TEACHERS

SHEET = {
    "annotations": "annotations_preview",
    "images": "raw_images",
    "scene": "params:scene",
    "additions": "params:augmentation_rules",
    "preview": "params:augmentation_preview",
    "seed": "params:seed",
}


def create_pipeline() -> Pipeline:
    """Draws contact sheets of the user's images: one for each training, one for each word of the scene."""
    return Pipeline(
        [
            node(
                nodes.choose_preview_images,
                inputs=["raw_annotations", "raw_images", "params:validation", "params:augmentation_preview"],
                outputs="annotations_preview",
                name="choose_images",
            ),
            *(
                node(
                    nodes.draw_teacher_of(family),
                    inputs={**SHEET, "config": f"params:{name}"},
                    outputs=f"plot_augmentation_{name}",
                    name=f"draw_augmentation_of_{name}",
                )
                for name, family in TEACHERS.items()
            ),
            node(
                nodes.draw_student,
                inputs={**SHEET, "distillation": "params:distillation"},
                outputs="plot_augmentation_student",
                name="draw_augmentation_of_student",
            ),
            node(
                nodes.draw_words,
                inputs={
                    **SHEET,
                    "distillation": "params:distillation",
                    **{name: f"params:{name}" for name in TEACHERS},
                },
                outputs="augmentation_sheets",
                name="draw_augmentation_of_words",
            ),
        ]
    )
