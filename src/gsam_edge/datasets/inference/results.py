"""Dataset of the folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from gsam_edge.report.progress import watched
from gsam_edge.training.durable import new_folder

if TYPE_CHECKING:
    from gsam_edge.runtime.inference.files import DrawingSettings
    from gsam_edge.runtime.inference.stream import Results


class InferenceResultsDataset(AbstractDataset["tuple[Results, DrawingSettings]", None]):
    """A folder of results, replaced as a whole: see `runtime.inference.files.write_results`.

    Args:
        filepath: the folder.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: tuple[Results, DrawingSettings]) -> None:
        """Writes results and drawings, all or nothing."""
        from gsam_edge.report.draw import draw_detections
        from gsam_edge.runtime.inference.files import write_results

        results, drawing = data
        with new_folder(self._filepath) as draft:
            write_results(draft, results, drawing, draw=draw_detections, watch=watched("Drawing"))

    def load(self) -> None:
        """Raises TypeError: the results are files for people and other tools."""
        raise TypeError("results of inference are files for people and other tools; the project does not read them")

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
