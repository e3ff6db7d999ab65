"""Nodes of `steel_data`."""

from gsam_edge.synthetic.sample_dataset import SampleDataset
from gsam_edge.synthetic.steel import SteelWorldConfig, build_steel


def draw_steel(steel_world: SteelWorldConfig) -> SampleDataset:
    """Draws the strips and their annotations; the same seed gives the same bytes."""
    return build_steel(steel_world)
