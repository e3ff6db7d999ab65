"""Other annotation formats as COCO content: bytes in, a mapping out, and an account of what could not be taken over."""

from gsam_edge.coco.importers.collect import Imported, SourceFiles
from gsam_edge.coco.importers.formats import IMPORTERS, ImportConfig, import_annotations

__all__ = ["IMPORTERS", "ImportConfig", "Imported", "SourceFiles", "import_annotations"]
