"""Datasets of plots, written atomically: sheets of images as PNG files, curves and bars as plotly's JSON."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from kedro_datasets.matplotlib import MatplotlibDataset
from kedro_datasets.plotly import JSONDataset
from matplotlib.figure import Figure

from gsam_edge.training.durable import write_bytes
from gsam_edge.vision.errors import FileError

if TYPE_CHECKING:
    from PIL.Image import Image
    from plotly.graph_objects import Figure as PlotlyFigure


class FigureDataset(MatplotlibDataset):
    """`matplotlib.MatplotlibDataset` for one figure on a local file, written atomically; kedro-viz shows it."""

    def load(self) -> "Image":
        """Returns the image, which a notebook shows; the figure itself is not kept.

        Raises:
            FileError: if the file is no image.
        """
        from PIL import Image, UnidentifiedImageError

        path = Path(self._get_load_path())
        try:
            image = Image.open(path)
            image.load()
        except (UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise FileError(f"{path}: expected a PNG file, got something else: {error}; make it anew") from error
        return image

    def save(self, data: Figure) -> None:
        """Writes the figure at the resolution that it was created with."""
        buffer = BytesIO()
        data.savefig(buffer, format="png", dpi="figure")
        write_bytes(Path(self._get_save_path()), buffer.getvalue())


class InteractiveFigureDataset(JSONDataset):
    """`plotly.JSONDataset` for one figure on a local file, written atomically; kedro-viz shows it live."""

    def load(self) -> "PlotlyFigure":
        """Returns the figure, which a notebook shows.

        Raises:
            FileError: if the file is no figure of plotly.
        """
        from plotly.io import from_json

        path = Path(self._get_load_path())
        try:
            return from_json(path.read_text())
        except ValueError as error:
            raise FileError(
                f"{path}: expected a figure in plotly's JSON, got something else: {error}; make it anew"
            ) from error

    def save(self, data: "PlotlyFigure") -> None:
        """Writes the figure, numbers as plain JSON."""
        write_bytes(Path(self._get_save_path()), f"{data.to_json()}\n".encode())
