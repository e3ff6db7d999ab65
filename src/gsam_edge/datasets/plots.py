"""Figures as PNG files that appear whole or not at all."""

from io import BytesIO
from pathlib import Path

from kedro_datasets.matplotlib import MatplotlibDataset
from matplotlib.figure import Figure

from gsam_edge.datasets.atomic import write_bytes


class FigureDataset(MatplotlibDataset):
    """`matplotlib.MatplotlibDataset` for one figure on a local file, written atomically; kedro-viz shows it."""

    def save(self, data: Figure) -> None:
        """Renders the figure at its own resolution: whoever drew it knows how many pixels it needs."""
        buffer = BytesIO()
        data.savefig(buffer, format="png", dpi="figure")
        write_bytes(Path(self._get_save_path()), buffer.getvalue())
