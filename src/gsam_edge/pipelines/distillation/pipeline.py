"""The graph of `distillation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.distillation import nodes

TEACHERS = ["grounding_dino_base", "grounding_dino_adapter", "sam_base", "sam_adapter"]


def create_pipeline() -> Pipeline:
    """Tuned teachers label the training images; a prompt-free student learns from truth and teacher."""
    return Pipeline(
        [
            node(
                nodes.label_training_images,
                inputs=[
                    *TEACHERS,
                    "annotations_train",
                    "raw_images",
                    "teacher_label_store",
                    "params:labelling",
                    "params:device",
                ],
                outputs=["teacher_labels", "label_report"],
                name="label_training_images",
            ),
            node(
                nodes.distil,
                inputs=[
                    "student_base",
                    "annotations_train",
                    "annotations_val",
                    "raw_images",
                    "teacher_labels",
                    "params:student",
                    "params:distillation",
                    "params:scene",
                    "params:augmentation_rules",
                    "student_checkpoints",
                    "live_metrics",
                    "params:seed",
                    "params:device",
                ],
                outputs=["student_weights", "distillation_report"],
                name="distil_student",
            ),
        ]
    )
