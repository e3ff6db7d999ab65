"""The graph of `augmentation_preview`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.augmentation_preview import nodes

CONFIG = ["params:scene", "params:augmentation_rules", "params:augmentation_preview", "params:seed"]
TEACHERS = ["params:grounding_dino", "params:sam"]


def create_pipeline() -> Pipeline:
    """From the user's pictures to contact sheets: one for each training, one for each word that describes them."""
    return Pipeline(
        [
            node(
                nodes.choose_pictures,
                inputs=["raw_annotations", "raw_images", "params:validation", "params:augmentation_preview"],
                outputs="annotations_preview",
                name="choose_pictures",
            ),
            node(
                nodes.draw_teachers,
                inputs=["annotations_preview", "raw_images", *CONFIG, *TEACHERS],
                outputs=["plot_augmentation_grounding_dino", "plot_augmentation_sam"],
                name="draw_augmentation_of_teachers",
            ),
            node(
                nodes.draw_student,
                inputs=["annotations_preview", "raw_images", *CONFIG, "params:distillation"],
                outputs="plot_augmentation_student",
                name="draw_augmentation_of_student",
            ),
            node(
                nodes.draw_words,
                inputs=["annotations_preview", "raw_images", *CONFIG, *TEACHERS, "params:distillation"],
                outputs="augmentation_sheets",
                name="draw_augmentation_of_words",
            ),
        ]
    )
