"""Nodes of `sample_data`."""

from gsam_edge.synthetic.sample import SampleWorldConfig
from gsam_edge.synthetic.sample_dataset import SampleDataset, build_sample


def draw_sample(sample_world: SampleWorldConfig) -> SampleDataset:
    """Draws the sample's images and annotations; the same seed gives the same bytes."""
    return build_sample(sample_world)
