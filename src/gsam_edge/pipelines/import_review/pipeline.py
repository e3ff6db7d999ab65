"""The graph of `import_review`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.import_review import nodes


def create_pipeline() -> Pipeline:
    """Takes the corrections of a review back into the dataset's annotations."""
    return Pipeline(
        [
            node(
                nodes.take_back_corrections,
                inputs=[
                    "raw_annotations",
                    "review_handed_out",
                    "review_corrections",
                    "params:dataset",
                    "params:import_review",
                ],
                outputs=["corrected_annotations", "import_review_report"],
                name="take_back_corrections",
            )
        ]
    )
