"""Datasets of reports and tables, written atomically."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset

from gsam_edge.datasets.atomic import write_bytes
from gsam_edge.vision.errors import FileError


class ReportDataset(JSONDataset):
    """`json.JSONDataset` on a local file, written atomically and without NaN, which is no JSON."""

    def load(self) -> Any:
        """Returns the report of this or an earlier run.

        Raises:
            FileError: if it is no JSON.
        """
        path = Path(self._get_load_path())
        try:
            return json.loads(path.read_bytes())
        except ValueError as error:
            raise FileError(f"{path}: expected a report in JSON, but it does not parse: {error}") from error

    def save(self, data: Any) -> None:
        """Writes the report.

        Raises:
            ValueError: if a number is NaN or infinite; such a figure must be left out.
        """
        content = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        write_bytes(Path(self._get_save_path()), f"{content}\n".encode())


class TableDataset(CSVDataset):
    """`pandas.CSVDataset` on a local file, written atomically and without the index; kedro-viz shows it as a table."""

    def save(self, data: pd.DataFrame) -> None:
        """Writes the table."""
        write_bytes(Path(self._get_save_path()), data.to_csv(index=False).encode())
