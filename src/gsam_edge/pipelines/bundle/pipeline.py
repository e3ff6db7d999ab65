"""The graph of `bundle`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.bundle import nodes


def create_pipeline() -> Pipeline:
    """Puts the recommended student, or the one that is asked for, and all that a device needs into one zip."""
    return Pipeline(
        [
            node(
                nodes.bundle_student,
                inputs={
                    "recommendation": "recommendation",
                    "comparison": "comparison",
                    "optimization_report": "optimization_report",
                    "students": "exported_students",
                    "config": "params:bundle",
                    "inference": "params:inference",
                },
                outputs="edge_bundle",
                name="bundle_student",
            )
        ]
    )
