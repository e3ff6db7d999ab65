"""The base of every dataset whose value is one file: versioned by Kedro, written atomically."""

from abc import abstractmethod
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from gsam_edge.datasets.atomic import write_bytes
from gsam_edge.vision.errors import UserError

Value = TypeVar("Value")


class BytesDataset(AbstractVersionedDataset[Value, Value], Generic[Value]):
    """One value in one local file. Subclasses say how the value becomes bytes and back.

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
        """The value as the content of its file."""

    @abstractmethod
    def decode(self, content: bytes) -> Value:
        """The value from the content of its file; a UserError says what is wrong with it."""

    def load(self) -> Value:
        """The value of the newest (or the asked-for) version."""
        path = Path(self._get_load_path())
        if not path.is_file():
            raise DatasetError(f"expected a file, found none: {path}")
        try:
            return self.decode(path.read_bytes())
        except UserError as error:
            raise DatasetError(f"{path}: {error}") from error

    def save(self, data: Value) -> None:
        """Writes the value whole, as a new version where the catalog says `versioned`."""
        write_bytes(Path(self._get_save_path()), self.encode(data))

    def _version_files(self, pattern: str) -> list[str]:
        """The file of each version. Kedro's pattern is not used: the path may hold brackets and stars."""
        return [str(path) for path in Path(self._filepath).glob(f"*/{escape(self._filepath.name)}")]

    def _exists(self) -> bool:
        try:
            return Path(self._get_load_path()).is_file()
        except DatasetError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}
