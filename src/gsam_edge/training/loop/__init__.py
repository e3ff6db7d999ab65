"""The training loop of all models that Ultralytics does not train."""

from gsam_edge.training.loop.train import TrainResult, train

__all__ = ["TrainResult", "train"]
