"""Dataset of the folder in which the teachers' labels go to other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kedro.io import AbstractDataset

from gsam_edge.datasets.inside import write_inside
from gsam_edge.distill.labels.pool import UNLABELLED
from gsam_edge.training.durable import new_folder

if TYPE_CHECKING:
    from gsam_edge.datasets.images import ImageFolder
    from gsam_edge.distill.labels.exported import ExportedLabels


class ExportedImages(NamedTuple):
    """Labels, and where their images come from."""

    labels: ExportedLabels
    images: ImageFolder
    unlabelled: ImageFolder


class ExportedLabelsDataset(AbstractDataset[ExportedImages, None]):
    """`annotations.json` (COCO), `data.yaml` and `labels/` (YOLO) and the images, replaced as a whole.

    Args:
        filepath: the folder.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def save(self, data: ExportedImages) -> None:
        """Writes the folder, all or nothing.

        Raises:
            DatasetError: if a name leads out of the folder.
            ImageError: if an image is missing.
        """
        labels, images, unlabelled = data
        with new_folder(self._folder) as draft:
            write_inside(draft, "annotations.json", json.dumps(labels.content, ensure_ascii=False).encode())
            for name, text in labels.texts.items():
                write_inside(draft, name, text.encode())
            for name, pooled in labels.sources.items():
                own = pooled.startswith(UNLABELLED)
                content = unlabelled.content(pooled.removeprefix(UNLABELLED)) if own else images.content(pooled)
                write_inside(draft, name, content)

    def load(self) -> None:
        """Raises TypeError: the folder is for other tools; `--params=dataset=` reads it like any other dataset."""
        raise TypeError("exported labels are read through raw_annotations and raw_images, like any other dataset")

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
