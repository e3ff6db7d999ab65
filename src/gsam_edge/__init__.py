"""From a labelled COCO dataset to a verified, prompt-free edge model."""

__version__ = "0.1.0"
