"""Pipeline `pruning`: a smaller student from the trained one."""

from gsam_edge.pipelines.pruning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
