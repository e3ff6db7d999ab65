"""The graph of `review`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.review import nodes
from gsam_edge.pipelines.templates import STUDENT


def create_pipeline() -> Pipeline:
    """Finds the student's failures, labels that may be wrong, and images to label next."""
    return Pipeline(
        [
            node(
                nodes.find_failures,
                inputs={
                    "annotations_test": "annotations_test",
                    "images": "raw_images",
                    "predictions": f"predictions_{STUDENT}",
                    "recommended": f"{STUDENT}_thresholds",
                    "duplicates": "image_duplicates",
                    "split": "params:split",
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
                    "store": "student_looks",
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
                    "labelling": "params:labelling",
                    "review": "params:review",
                },
                outputs=["review", "review_report", "plot_review"],
                name="make_review",
            ),
            node(
                nodes.collect_unlabelled,
                inputs={
                    "pool": "annotations_pool",
                    "pool_report": "pool_report",
                    "teacher_val": "teacher_labels_val",
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "test": "annotations_test",
                    "images": "raw_images",
                    "unlabelled": "unlabelled_images",
                    "image_scan": "image_scan",
                },
                outputs=["annotations_unlabelled", "unlabelled_report"],
                name="collect_unlabelled",
            ),
            node(
                nodes.choose_next_to_label,
                inputs={
                    "student_weights": f"{STUDENT}_weights",
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "pool": "annotations_unlabelled",
                    "pool_report": "unlabelled_report",
                    "student_val": f"predictions_{STUDENT}_val",
                    "teacher_val": "teacher_labels_val",
                    "teacher_pool": "teacher_labels_pool",
                    "images": "raw_images",
                    "unlabelled": "unlabelled_images",
                    "store": "student_looks",
                    "evaluation": "params:evaluation",
                    "failures": "params:failures",
                    "config": "params:next_to_label",
                    "seed": "params:seed",
                    "device": "params:device",
                },
                outputs=["next_to_label", "next_to_label_table", "plot_next_to_label"],
                name="choose_next_to_label",
            ),
        ]
    )
