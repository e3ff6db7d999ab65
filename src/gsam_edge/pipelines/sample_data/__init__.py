"""Pipeline `sample_data`: draw the sample dataset."""

from gsam_edge.pipelines.sample_data.pipeline import create_pipeline

__all__ = ["create_pipeline"]
