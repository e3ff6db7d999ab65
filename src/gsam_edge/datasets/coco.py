"""Datasets of COCO files: the user's raw file, and checked annotations."""

import hashlib
import json
from pathlib import Path

from kedro.io import DatasetError
from kedro_datasets._typing import JSONPreview

from gsam_edge.coco import Annotations, RawCoco
from gsam_edge.datasets.versioned_bytes import BytesDataset


class RawCocoDataset(BytesDataset[RawCoco]):
    """The user's `annotations.json`, parsed but not yet checked; never written."""

    def load(self) -> RawCoco:
        """Returns the file's JSON value and its digest.

        Raises:
            DatasetError: if the dataset's folder or the file is missing, or the content is no JSON.
        """
        path = Path(self._get_load_path())
        if not path.parent.is_dir():
            raise DatasetError(
                f"dataset: expected a folder with annotations.json and its images, found no folder {path.parent}"
            )
        if not path.is_file():
            raise DatasetError(f"dataset: expected {path.name} in {path.parent}, found no such file")
        return super().load()

    def encode(self, value: RawCoco) -> bytes:
        raise DatasetError(f"{self._filepath} is the user's own file: it is read, never written")

    def decode(self, content: bytes) -> RawCoco:
        return RawCoco.parse(content)

    def _exists(self) -> bool:
        return Path(self._filepath).is_file()

    def digest(self) -> str:
        """Returns the sha256 of the file, which identifies the data of a run."""
        with Path(self._get_load_path()).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


class AnnotationsDataset(BytesDataset[Annotations]):
    """`coco.Annotations` as a COCO file."""

    def encode(self, value: Annotations) -> bytes:
        return value.to_json()

    def decode(self, content: bytes) -> Annotations:
        return Annotations.from_json(content)

    def preview(self) -> JSONPreview:
        """Returns counts and classes, for kedro-viz."""
        value = self.load()
        counts = value.image_class_counts.sum(axis=0).tolist()
        classes = dict(zip(value.class_names, counts, strict=True))
        return JSONPreview(json.dumps({"images": len(value.images), "objects": sum(counts), "classes": classes}))
