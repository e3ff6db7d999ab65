"""Pipeline `data_validation`: check the user's data and split it."""

from gsam_edge.pipelines.data_validation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
