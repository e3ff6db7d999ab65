"""Pipeline `distillation`: label the training images and train a prompt-free student."""

from gsam_edge.pipelines.distillation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
