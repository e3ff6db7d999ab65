"""Pipeline `serving`: an exported student as an MLflow model."""

from gsam_edge.pipelines.serving.pipeline import create_pipeline

__all__ = ["create_pipeline"]
