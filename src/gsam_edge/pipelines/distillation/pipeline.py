"""The graph of `distillation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.distillation import nodes
from gsam_edge.pipelines.templates import ARM_INPUTS, TEACHER_INPUTS

#: What all arms are trained from.
_ARMS = {"initial": "student_base", **ARM_INPUTS}


def create_pipeline() -> Pipeline:
    """Labels images with the tuned teachers, trains a prompt-free student with them, and controls without them."""
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
                nodes.label_test_images,
                inputs={
                    "train": "annotations_train",
                    "test": "annotations_test",
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
                outputs="teacher_labels_test",
                name="label_test_images",
            ),
            node(
                nodes.check_labels,
                inputs={
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "pool": "annotations_pool",
                    "held_back": "annotations_held_back",
                    "teacher_labels": "teacher_labels",
                    "teacher_labels_val": "teacher_labels_val",
                    "teacher_labels_pool": "teacher_labels_pool",
                    "counts": "label_store_counts",
                    "images": "raw_images",
                    "labelling": "params:labelling",
                    "floor": "params:teacher_floor",
                    "shown": "params:label_disagreements",
                },
                outputs=["label_gate", "label_report", "plot_label_disagreements"],
                name="check_labels",
            ),
            node(
                nodes.distil,
                inputs={**_ARMS, "checkpoints": "student_checkpoints"},
                outputs=["distilled_runs", "student_weights"],
                name="distil_student",
            ),
            node(
                nodes.train_controls,
                inputs={**_ARMS, "checkpoints": "control_checkpoints"},
                outputs="control_runs",
                name="train_controls",
            ),
            node(
                nodes.report_distillation,
                inputs={
                    "distilled_runs": "distilled_runs",
                    "control_runs": "control_runs",
                    "train": "annotations_train",
                    "test": "annotations_test",
                    "held_back": "annotations_held_back",
                    "pool": "annotations_pool",
                    "pool_report": "pool_report",
                    "teacher_labels_test": "teacher_labels_test",
                    "distillation": "params:distillation",
                },
                outputs=["distillation_report", "plot_distillation_arms"],
                name="report_distillation",
            ),
        ]
    )
