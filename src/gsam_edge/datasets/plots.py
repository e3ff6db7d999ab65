"""Dataset of figures as PNG files, written atomically."""

from io import BytesIO
from pathlib import Path

from kedro_datasets.matplotlib import MatplotlibDataset
from matplotlib.figure import Figure

from gsam_edge.training.durable import write_bytes


class FigureDataset(MatplotlibDataset):
    """`matplotlib.MatplotlibDataset` for one figure on a local file, written atomically; kedro-viz shows it."""

    def save(self, data: Figure) -> None:
        """Writes the figure at the resolution that it was created with."""
        buffer = BytesIO()
        data.savefig(buffer, format="png", dpi="figure")
        write_bytes(Path(self._get_save_path()), buffer.getvalue())
