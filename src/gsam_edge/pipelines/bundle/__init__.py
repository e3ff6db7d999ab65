"""Pipeline `bundle`: one zip for the device."""

from gsam_edge.pipelines.bundle.pipeline import create_pipeline

__all__ = ["create_pipeline"]
