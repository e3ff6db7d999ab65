"""The graph of `distillation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.distillation import nodes
from gsam_edge.pipelines.templates import TEACHER_INPUTS


def create_pipeline() -> Pipeline:
    """Labels the training images with the tuned teachers and trains a prompt-free student on truth and labels."""
    return Pipeline(
        [
            node(
                nodes.label_training_images,
                inputs={
                    "train": "annotations_train",
                    "images": "raw_images",
                    "store": "teacher_label_store",
                    "features": "teacher_features",
                    "choice": "params:teachers",
                    "labelling": "params:labelling",
                    "teacher_report": "teacher_report",
                    "floor": "params:teacher_floor",
                    "device": "params:device",
                    **TEACHER_INPUTS,
                },
                outputs=["teacher_labels", "label_report"],
                name="label_training_images",
            ),
            node(
                nodes.distil,
                inputs={
                    "initial": "student_base",
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "images": "raw_images",
                    "teacher_labels": "teacher_labels",
                    "label_report": "label_report",
                    "floor": "params:teacher_floor",
                    "student": "params:student",
                    "distillation": "params:distillation",
                    "choice": "params:teachers",
                    "labelling": "params:labelling",
                    "features": "teacher_features",
                    "scene": "params:scene",
                    "additions": "params:augmentation_rules",
                    "checkpoints": "student_checkpoints",
                    "log": "live_metrics",
                    "seed": "params:seed",
                    "device": "params:device",
                    **TEACHER_INPUTS,
                },
                outputs=["student_weights", "distillation_report"],
                name="distil_student",
            ),
        ]
    )
