"""Pipeline `review`: what the student gets wrong, which labels may be wrong, which images to label next."""

from gsam_edge.pipelines.review.pipeline import create_pipeline

__all__ = ["create_pipeline"]
