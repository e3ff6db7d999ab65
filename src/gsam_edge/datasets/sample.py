"""Dataset of the sample: a whole COCO dataset in one folder, written by `sample_data`."""

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from gsam_edge.datasets.inside import write_inside
from gsam_edge.synthetic.sample_dataset import SampleDataset
from gsam_edge.training.durable import new_folder


class SampleFolderDataset(AbstractDataset[SampleDataset, None]):
    """Writes `annotations.json`, the labelled images and the unlabelled ones into one folder, atomically.

    Args:
        filepath: the folder.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def save(self, data: SampleDataset) -> None:
        """Replaces the folder by this dataset."""
        with new_folder(self._folder) as draft:
            content = json.dumps(data.annotations.to_coco(), indent=None, separators=(",", ":"))
            (draft / "annotations.json").write_text(content)
            for name, image in (data.images | data.unlabelled).items():
                write_inside(draft, name, image)

    def load(self) -> None:
        """Raises TypeError: the sample is read through `raw_annotations` and `raw_images`, like any other dataset."""
        raise TypeError("the sample is read through raw_annotations and raw_images")

    def _exists(self) -> bool:
        return (self._folder / "annotations.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
