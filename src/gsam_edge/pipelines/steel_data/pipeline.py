"""The graph of `steel_data`."""

from kedro.pipeline import Pipeline, node

from gsam_edge.pipelines.steel_data import nodes


def create_pipeline() -> Pipeline:
    """Draws a dataset of rolled steel, of which none is shipped."""
    return Pipeline([node(nodes.draw_steel, inputs="params:steel_world", outputs="steel", name="draw_steel")])
