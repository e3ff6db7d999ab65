"""Importers: convert other annotation formats to COCO, with a report of what could not be imported."""

from gsam_edge.coco.importers.formats import IMPORTERS, ImportConfig, import_annotations
from gsam_edge.coco.importers.imported import Imported
from gsam_edge.coco.importers.reading import SourceFiles

__all__ = ["IMPORTERS", "ImportConfig", "Imported", "SourceFiles", "import_annotations"]
