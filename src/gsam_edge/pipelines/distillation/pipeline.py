"""The graph of `distillation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.distillation import nodes
from gsam_edge.pipelines.templates import TEACHER_INPUTS


def create_pipeline() -> Pipeline:
    """Labels images with the tuned teachers, with and without annotations, and trains a prompt-free student on both."""
    return Pipeline(
        [
            node(
                nodes.collect_pool,
                inputs={
                    "held_back": "annotations_held_back",
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "test": "annotations_test",
                    "images": "raw_images",
                    "unlabelled": "unlabelled_images",
                    "image_scan": "image_scan",
                    "choice": "params:teachers",
                },
                outputs=["annotations_pool", "pool_report"],
                name="collect_pool",
            ),
            node(
                nodes.label_with_teachers,
                inputs={
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "pool": "annotations_pool",
                    "images": "raw_images",
                    "unlabelled": "unlabelled_images",
                    "store": "teacher_label_store",
                    "features": "teacher_features",
                    "choice": "params:teachers",
                    "labelling": "params:labelling",
                    "teacher_report": "teacher_report",
                    "floor": "params:teacher_floor",
                    "device": "params:device",
                    **TEACHER_INPUTS,
                },
                outputs=["teacher_labels", "teacher_labels_val", "teacher_labels_pool", "label_store_counts"],
                name="label_with_teachers",
            ),
            node(
                nodes.check_labels,
                inputs={
                    "train": "annotations_train",
                    "teacher_labels": "teacher_labels",
                    "counts": "label_store_counts",
                    "labelling": "params:labelling",
                    "floor": "params:teacher_floor",
                },
                outputs="label_report",
                name="check_labels",
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
                    "scene": "params:scene",
                    "additions": "params:augmentation_rules",
                    "checkpoints": "student_checkpoints",
                    "log": "live_metrics",
                    "seed": "params:seed",
                    "device": "params:device",
                },
                outputs=["student_weights", "distillation_report"],
                name="distil_student",
            ),
        ]
    )
