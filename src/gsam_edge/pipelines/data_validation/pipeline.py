"""The graph of `data_validation`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.data_validation import nodes

SPLITS = ("annotations_train", "annotations_val", "annotations_test")


def create_pipeline() -> Pipeline:
    """From the user's COCO file to checked annotations in three splits, with a report of everything found."""
    return Pipeline(
        [
            node(
                nodes.check_annotations,
                inputs=["raw_annotations", "raw_images", "params:validation"],
                outputs=["annotations_checked", "validation_findings"],
                name="check_annotations",
            ),
            node(
                nodes.split_annotations,
                inputs=["annotations_checked", "params:split", "params:seed"],
                outputs=list(SPLITS),
                name="split_annotations",
            ),
            node(
                nodes.report_validation,
                inputs=["annotations_checked", "validation_findings", *SPLITS, "params:split", "params:seed"],
                outputs=["validation_report", "plot_class_distribution"],
                name="report_validation",
            ),
        ]
    )
