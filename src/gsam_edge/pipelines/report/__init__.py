"""Pipeline `report`: the page for people and the model card, of all that the steps before left."""

from gsam_edge.pipelines.report.pipeline import create_pipeline

__all__ = ["create_pipeline"]
