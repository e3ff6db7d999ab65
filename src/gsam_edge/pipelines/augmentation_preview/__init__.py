"""Pipeline `augmentation_preview`: what the trainings will see, on the user's own images."""

from gsam_edge.pipelines.augmentation_preview.pipeline import create_pipeline

__all__ = ["create_pipeline"]
