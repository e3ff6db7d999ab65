"""The graph of `distillation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.distillation import nodes
from gsam_edge.pipelines.templates import TEACHER_INPUTS


def create_pipeline() -> Pipeline:
    """Tuned teachers label the training images; a prompt-free student learns from truth and teacher."""
    return Pipeline(
        [
            node(
                nodes.label_training_images,
                inputs={
                    "train": "annotations_train",
                    "images": "raw_images",
                    "store": "teacher_label_store",
                    "choice": "params:teachers",
                    "labelling": "params:labelling",
                    "device": "params:device",
                    **TEACHER_INPUTS,
                },
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
