"""Pipeline `export_labels`: the teachers' labels as a dataset for other tools."""

from gsam_edge.pipelines.export_labels.pipeline import create_pipeline

__all__ = ["create_pipeline"]
