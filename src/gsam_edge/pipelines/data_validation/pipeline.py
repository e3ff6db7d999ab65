"""The graph of `data_validation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.data_validation import nodes

SPLITS = ("annotations_train", "annotations_val", "annotations_test", "annotations_held_back")


def create_pipeline() -> Pipeline:
    """Checks the user's COCO file and splits it into train, val and test, with a report of all findings."""
    return Pipeline(
        [
            node(
                nodes.check_annotations,
                inputs=["raw_annotations", "raw_images", "image_scan", "params:validation", "params:health"],
                outputs=["annotations_sound", "validation_findings", "image_duplicates"],
                name="check_annotations",
            ),
            node(
                nodes.check_dataset_health,
                inputs=["annotations_sound", "image_duplicates", "raw_images", "params:health"],
                outputs=["annotations_checked", "health_findings", "plot_worst_findings"],
                name="check_dataset_health",
            ),
            node(
                nodes.plot_health,
                inputs=["annotations_checked", "params:health"],
                outputs=["plot_box_sizes", "plot_images_per_class", "plot_heat_map"],
                name="plot_health",
            ),
            node(
                nodes.draw_samples,
                inputs=["annotations_checked", "raw_images"],
                outputs="plot_labelled_samples",
                name="draw_samples",
            ),
            node(
                nodes.draw_augmentation,
                inputs={
                    "annotations": "annotations_checked",
                    "images": "raw_images",
                    "scene": "params:scene",
                    "additions": "params:augmentation_rules",
                    "preview": "params:augmentation_preview",
                    "distillation": "params:distillation",
                    "seed": "params:seed",
                },
                outputs="plot_augmentation",
                name="draw_augmentation",
            ),
            node(
                nodes.split_annotations,
                inputs=["annotations_checked", "image_duplicates", "split_store", "params:split", "params:seed"],
                outputs=list(SPLITS),
                name="split_annotations",
            ),
            node(
                nodes.report_validation,
                inputs={
                    "annotations": "annotations_checked",
                    "findings": "validation_findings",
                    "duplicates": "image_duplicates",
                    "health_findings": "health_findings",
                    "train": "annotations_train",
                    "val": "annotations_val",
                    "test": "annotations_test",
                    "held_back": "annotations_held_back",
                    "split_config": "params:split",
                    "health": "params:health",
                    "choice": "params:teachers",
                    "seed": "params:seed",
                },
                outputs=["validation_report", "plot_class_distribution"],
                name="report_validation",
            ),
        ]
    )
