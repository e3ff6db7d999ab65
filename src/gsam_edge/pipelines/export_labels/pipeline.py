"""The graph of `export_labels`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.export_labels import nodes


def create_pipeline() -> Pipeline:
    """Writes the teachers' labels of images that no person labelled as COCO and YOLO, with these images."""
    return Pipeline(
        [
            node(
                nodes.export_labels,
                inputs={
                    "pool": "annotations_pool",
                    "val": "annotations_val",
                    "teacher_labels_pool": "teacher_labels_pool",
                    "teacher_labels_val": "teacher_labels_val",
                    "pool_report": "pool_report",
                    "images": "raw_images",
                    "unlabelled": "unlabelled_images",
                    "labelling": "params:labelling",
                },
                outputs=["exported_labels", "exported_labels_report"],
                name="export_labels",
            )
        ]
    )
