"""Pipeline `inference`: find objects in images, folders and videos with an exported student."""

from gsam_edge.pipelines.inference.pipeline import create_pipeline

__all__ = ["create_pipeline"]
