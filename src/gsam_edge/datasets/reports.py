"""Datasets of reports and tables, written atomically."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from kedro_datasets._typing import HTMLPreview
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from gsam_edge.report.pages.preview import PREVIEW
from gsam_edge.training.durable import write_bytes
from gsam_edge.vision.errors import FileError


class ReportDataset(JSONDataset):
    """`json.JSONDataset` on a local file, written atomically and without NaN, which is no JSON.

    Args:
        significant_digits: to which fractions are rounded, for people who open the file; None keeps them as they are,
            for what a later step compares with others.
        **options: of `json.JSONDataset`.
    """

    def __init__(self, *, significant_digits: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._digits = significant_digits

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
        told = data if self._digits is None else _rounded(data, self._digits)
        content = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
        write_bytes(Path(self._get_save_path()), f"{content}\n".encode())


def _rounded(value: Any, digits: int) -> Any:
    """Returns a JSON value with its fractions rounded to this many significant digits; whole numbers stay."""
    if isinstance(value, Mapping):
        return {key: _rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


class TableDataset(CSVDataset):
    """`pandas.CSVDataset` on a local file, written atomically and without the index; kedro-viz shows it as a table."""

    def save(self, data: pd.DataFrame) -> None:
        """Writes the table."""
        write_bytes(Path(self._get_save_path()), data.to_csv(index=False).encode())


class HtmlDataset(TextDataset):
    """The report as one HTML file, written atomically; kedro-viz shows its first screen in plain type."""

    def save(self, data: str) -> None:
        """Writes the page."""
        write_bytes(Path(self._get_save_path()), data.encode())

    def preview(self) -> HTMLPreview:
        """Returns the first screen without its drawing and styles.

        kedro-viz puts it into its own page, cleans it, and then reads what is left as Markdown.
        """
        page = self.load()
        first = page.partition(PREVIEW[0])[2].partition(PREVIEW[1])[0]
        plain = re.sub(r"<(svg|style|figure)\b.*?</\1>", "", first, flags=re.DOTALL)
        plain = re.sub(r"</?a\b[^>]*>", "", plain)
        plain = re.sub(r"<(\w+)\b[^>]*>", r"<\1>", plain)  # without attributes, which hold addresses and styles
        return HTMLPreview(_beside_markdown(" ".join(plain.split())).replace("*", "\u2217").replace("`", "\u02cb"))


class ModelCardDataset(TextDataset):
    """A model card, Markdown with a header in YAML, written atomically; kedro-viz shows the text."""

    def save(self, data: str) -> None:
        """Writes the card."""
        write_bytes(Path(self._get_save_path()), data.encode())

    def preview(self) -> HTMLPreview:
        """Returns the text without the header; kedro-viz reads Markdown in what it takes for HTML."""
        text = self.load().removeprefix("---\n").partition("\n---\n")[2]
        return HTMLPreview(_beside_markdown(text.replace("\\", "")))


def _beside_markdown(text: str) -> str:
    """Returns a text in which kedro-viz finds neither links nor emphasis.

    It makes links of `[text](address)` after it has cleaned the page, with any address that a name from outside holds,
    and takes the underscores of a name for emphasis.
    """
    return text.replace("](", "]\u200b(").replace("_", "\u02cd")
