"""Pipeline `pretrain_tiny_teachers`: train the models that the project ships."""

from gsam_edge.pipelines.pretrain_tiny_teachers.pipeline import create_pipeline

__all__ = ["create_pipeline"]
