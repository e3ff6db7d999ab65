"""Pipeline `pretrain_tiny_teachers`: train what the project ships."""

from gsam_edge.pipelines.pretrain_tiny_teachers.pipeline import create_pipeline

__all__ = ["create_pipeline"]
