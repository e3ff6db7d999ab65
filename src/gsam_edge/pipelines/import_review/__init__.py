"""Pipeline `import_review`: take corrected labels back into the dataset."""

from gsam_edge.pipelines.import_review.pipeline import create_pipeline

__all__ = ["create_pipeline"]
