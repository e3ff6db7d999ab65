"""Nodes of `import_dataset`."""

from typing import Any

from gsam_edge.coco.importers import ImportConfig, Imported, SourceFiles, import_annotations


def convert_annotations(
    foreign_dataset: SourceFiles, format_name: str, output: str, config: ImportConfig
) -> tuple[tuple[Imported, SourceFiles], dict[str, Any]]:
    """Converts a dataset to COCO; also returns its image files and the `import_report` of what was taken over."""
    imported = import_annotations(foreign_dataset, format_name, config)
    return (imported, foreign_dataset), {**imported.report, "output": output}
