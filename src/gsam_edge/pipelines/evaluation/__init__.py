"""Pipeline `evaluation`: measure every artefact on the test split."""

from gsam_edge.pipelines.evaluation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
