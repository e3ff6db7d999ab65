"""The graph of `import_dataset`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.import_dataset import nodes


def create_pipeline() -> Pipeline:
    """Converts a folder in another annotation format into a folder that `data_validation` takes."""
    return Pipeline(
        [
            node(
                nodes.convert_annotations,
                inputs=["foreign_dataset", "params:format", "params:output", "params:import_dataset"],
                outputs=["imported_dataset", "import_report"],
                name="convert_annotations",
            )
        ]
    )
