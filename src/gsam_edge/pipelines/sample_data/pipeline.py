"""The graph of `sample_data`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.sample_data import nodes


def create_pipeline() -> Pipeline:
    """Draws the sample dataset that the project ships."""
    return Pipeline([node(nodes.draw_sample, inputs="params:sample_world", outputs="sample", name="draw_sample")])
