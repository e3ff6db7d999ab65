"""Base classes of the datasets of one file or one small folder: versioned by Kedro, written atomically."""

from abc import abstractmethod
from collections.abc import Mapping
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from kedro.io import AbstractVersionedDataset, DatasetError, Version

from gsam_edge.training.durable import new_folder, write_bytes
from gsam_edge.vision.errors import FileError, UserError

Value = TypeVar("Value")


class LocalDataset(AbstractVersionedDataset[Value, Value], Generic[Value]):
    """One value at one local path. Subclasses read and write it.

    Args:
        filepath: the file or folder, relative to the project or absolute.
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
            glob_function=self._versions,
        )

    @abstractmethod
    def read(self, path: Path) -> Value:
        """Returns the value at a path that may be missing. Raises a UserError that says what is wrong with it."""

    @abstractmethod
    def write(self, path: Path, value: Value) -> None:
        """Writes the value atomically."""

    def load(self) -> Value:
        """Returns the value of the newest (or the requested) version."""
        path = Path(self._get_load_path())
        try:
            return self.read(path)
        except UserError as error:
            raise DatasetError(f"{path}: {error}") from error

    def save(self, data: Value) -> None:
        """Writes the value atomically, as a new version where the catalog says `versioned`."""
        self.write(Path(self._get_save_path()), data)

    def _versions(self, pattern: str) -> list[str]:
        """Returns the path of each version. Kedro's pattern is not used: the path may hold brackets and stars."""
        return [str(path) for path in Path(self._filepath).glob(f"*/{escape(self._filepath.name)}")]

    def _exists(self) -> bool:
        try:
            return self._is_there(Path(self._get_load_path()))
        except DatasetError:
            return False

    @abstractmethod
    def _is_there(self, path: Path) -> bool:
        """Returns whether a path is what this dataset writes: a file or a folder."""

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


class BytesDataset(LocalDataset[Value], Generic[Value]):
    """One value in one local file. Subclasses encode and decode the value."""

    @abstractmethod
    def encode(self, value: Value) -> bytes:
        """Returns the value as the content of its file."""

    @abstractmethod
    def decode(self, content: bytes) -> Value:
        """Returns the value of a file's content. Raises a UserError that says what is wrong with it."""

    def read(self, path: Path) -> Value:
        """Decodes the file."""
        if not path.is_file():
            raise DatasetError(f"expected a file, found none: {path}")
        return self.decode(path.read_bytes())

    def write(self, path: Path, value: Value) -> None:
        """Encodes the value and writes the file."""
        write_bytes(path, self.encode(value))

    def _is_there(self, path: Path) -> bool:
        return path.is_file()


class FolderDataset(LocalDataset[Value], Generic[Value]):
    """One value in the files of one local folder. Subclasses encode and decode it and name the files."""

    @abstractmethod
    def encode(self, value: Value) -> dict[str, bytes]:
        """Returns the value as files by name."""

    @abstractmethod
    def decode(self, files: Mapping[str, bytes]) -> Value:
        """Returns the value of the folder's files. Raises a UserError that says what is wrong with them."""

    @abstractmethod
    def most_bytes(self) -> Mapping[str, int]:
        """Returns the files that are read, others are not, each with the most bytes that it may have."""

    def read(self, path: Path) -> Value:
        """Decodes the folder's files."""
        if not path.is_dir():
            raise DatasetError(f"expected a folder, found none: {path}")
        files = {}
        for name, most in self.most_bytes().items():
            file = path / name
            if not file.is_file():
                continue
            if (size := file.stat().st_size) > most:
                raise FileError(f"{name}: expected at most {most} bytes, got {size}; it is none of this project's")
            files[name] = file.read_bytes()
        return self.decode(files)

    def write(self, path: Path, value: Value) -> None:
        """Encodes the value and writes the folder."""
        with new_folder(path) as draft:
            for name, content in self.encode(value).items():
                (draft / name).write_bytes(content)

    def _is_there(self, path: Path) -> bool:
        return path.is_dir()
