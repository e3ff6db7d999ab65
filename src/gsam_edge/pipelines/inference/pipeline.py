"""The graph of `inference`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.inference import nodes


def create_pipeline() -> Pipeline:
    """Finds the objects in a user's images or video, and writes them as files for people and tools."""
    return Pipeline(
        [
            node(
                nodes.find_objects,
                inputs={
                    "source": "inference_source",
                    "students": "exported_students",
                    "store": "inference_store",
                    "artefact": "params:artefact",
                    "config": "params:inference",
                },
                outputs=["inference_results", "inference_report"],
                name="find_objects",
            )
        ]
    )
