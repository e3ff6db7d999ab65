"""Pipeline `optimization`: export and quantise the student."""

from gsam_edge.pipelines.optimization.pipeline import create_pipeline

__all__ = ["create_pipeline"]
