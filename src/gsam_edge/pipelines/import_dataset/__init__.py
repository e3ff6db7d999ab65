"""Pipeline `import_dataset`: make a COCO dataset of one in another format."""

from gsam_edge.pipelines.import_dataset.pipeline import create_pipeline

__all__ = ["create_pipeline"]
