"""A whole COCO dataset as one folder, as `sample_data` writes it."""

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from gsam_edge.datasets.atomic import new_folder
from gsam_edge.synthetic.sample_dataset import SampleDataset


class SampleFolderDataset(AbstractDataset[SampleDataset, None]):
    """Writes `annotations.json`, the labelled images and the unlabelled ones into one folder, whole or not at all.

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
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                (draft / name).write_bytes(image)

    def load(self) -> None:
        """The sample is read as any other dataset is: through `raw_annotations` and `raw_images`."""
        raise TypeError("the sample is read through raw_annotations and raw_images")

    def _exists(self) -> bool:
        return (self._folder / "annotations.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
