"""Generated images: a general world for pretraining, and the sample dataset, two bag inspection lines."""

from gsam_edge.synthetic.general import (
    GENERAL_WORDS,
    GeneralWorldConfig,
    draw_absent_phrases,
    draw_general_scene,
)
from gsam_edge.synthetic.sample import SAMPLE_CLASSES, SampleWorldConfig, draw_sample_scene
from gsam_edge.synthetic.sample_dataset import SampleDataset, build_sample
from gsam_edge.synthetic.scene import Scene

__all__ = [
    "GENERAL_WORDS",
    "SAMPLE_CLASSES",
    "GeneralWorldConfig",
    "SampleDataset",
    "SampleWorldConfig",
    "Scene",
    "build_sample",
    "draw_absent_phrases",
    "draw_general_scene",
    "draw_sample_scene",
]
