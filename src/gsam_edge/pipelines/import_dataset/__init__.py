"""Pipeline `import_dataset`: convert a dataset in another format to COCO."""

from gsam_edge.pipelines.import_dataset.pipeline import create_pipeline

__all__ = ["create_pipeline"]
