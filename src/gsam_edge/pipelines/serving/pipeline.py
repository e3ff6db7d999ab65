"""The graph of `serving`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.serving import nodes


def create_pipeline() -> Pipeline:
    """Makes an exported student a model that MLflow serves over HTTP."""
    return Pipeline(
        [
            node(
                nodes.make_served_student,
                inputs=["exported_students", "params:artefact", "params:serving"],
                outputs="served_student",
                name="make_served_student",
            )
        ]
    )
