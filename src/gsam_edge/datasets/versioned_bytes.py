"""Base class of the datasets of one file: versioned by Kedro, written atomically."""

from abc import abstractmethod
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from gsam_edge.datasets.atomic import write_bytes
from gsam_edge.vision.errors import UserError

Value = TypeVar("Value")


class BytesDataset(AbstractVersionedDataset[Value, Value], Generic[Value]):
    """One value in one local file. Subclasses encode and decode the value.

    Args:
        filepath: the file, relative to the project or absolute.
        version: set by Kedro for `versioned: true`.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(
        self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        self.metadata = metadata
        super().__init__(
            filepath=PurePosixPath(filepath),
            version=version,
            exists_function=lambda path: Path(path).exists(),
            glob_function=self._version_files,
        )

    @abstractmethod
    def encode(self, value: Value) -> bytes:
        """Returns the value as the content of its file."""

    @abstractmethod
    def decode(self, content: bytes) -> Value:
        """Returns the value of a file's content. Raises a UserError that says what is wrong with it."""

    def load(self) -> Value:
        """Returns the value of the newest (or the requested) version."""
        path = Path(self._get_load_path())
        if not path.is_file():
            raise DatasetError(f"expected a file, found none: {path}")
        try:
            return self.decode(path.read_bytes())
        except UserError as error:
            raise DatasetError(f"{path}: {error}") from error

    def save(self, data: Value) -> None:
        """Writes the value atomically, as a new version where the catalog says `versioned`."""
        write_bytes(Path(self._get_save_path()), self.encode(data))

    def _version_files(self, pattern: str) -> list[str]:
        """Returns the file of each version. Kedro's pattern is not used: the path may hold brackets and stars."""
        return [str(path) for path in Path(self._filepath).glob(f"*/{escape(self._filepath.name)}")]

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_file()
        except DatasetError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
