"""Dataset of what is looked at: the user's own images or video."""

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from gsam_edge.runtime.inference.sources import Source, is_there, open_source
from gsam_edge.vision.errors import UserError


class SourceDataset(AbstractDataset[None, Source]):
    """The user's own images or video: a file, a folder, or a pattern of names; never written.

    Args:
        filepath: see `runtime.inference.sources.open_source`.
        max_pixels: larger images are refused before they are decoded.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, max_pixels: int, metadata: dict[str, Any] | None = None) -> None:
        self._source, self._max_pixels = str(filepath), max_pixels
        self.metadata = metadata

    def load(self) -> Source:
        """Returns the images in order; none is read yet."""
        try:
            return open_source(self._source, max_pixels=self._max_pixels)
        except UserError as error:
            raise DatasetError(f"{error}; name another with --params=source=path") from error

    def save(self, data: None) -> None:
        """Raises DatasetError: the source is the user's own."""
        raise DatasetError(f"{self._source} is the user's own: it is read, never written")

    def _exists(self) -> bool:
        return is_there(self._source)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._source, "max_pixels": self._max_pixels}
