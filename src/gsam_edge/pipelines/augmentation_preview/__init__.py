"""Pipeline `augmentation_preview`: draw what the trainings will see of the user's own images."""

from gsam_edge.pipelines.augmentation_preview.pipeline import create_pipeline

__all__ = ["create_pipeline"]
