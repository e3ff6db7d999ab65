"""Pipeline `steel_data`: draw strips of rolled steel with defects."""

from gsam_edge.pipelines.steel_data.pipeline import create_pipeline

__all__ = ["create_pipeline"]
