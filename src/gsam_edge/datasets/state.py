"""Datasets that let killed work continue: checkpoints and the store of teacher labels."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from gsam_edge.training.durable import write_bytes
from gsam_edge.vision.errors import FileError

if TYPE_CHECKING:
    from gsam_edge.training.checkpoints import FolderCheckpoints


class CheckpointsDataset(AbstractDataset[None, "FolderCheckpoints"]):
    """A folder in which a training stores its checkpoints until it is done.

    Args:
        filepath: the folder; it appears with the first checkpoint.
        keep: most checkpoints of one training on disk, at least 2: where the last is damaged, the one before is read.
            It says nothing of the result, so it is no parameter: changing it must not begin a training anew.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, keep: int, metadata: dict[str, Any] | None = None) -> None:
        self._folder, self._keep = Path(filepath), keep
        self.metadata = metadata

    def load(self) -> FolderCheckpoints:
        """Returns a handle on the folder; the training opens its own fingerprint in it."""
        from gsam_edge.training.checkpoints import FolderCheckpoints

        return FolderCheckpoints(self._folder, self._keep)

    def save(self, data: None) -> None:
        """Raises TypeError: checkpoints are written by the training that owns them."""
        raise TypeError("checkpoints are written by the training that owns them, not by a node's output")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "keep": self._keep}


class JsonStore(MutableMapping[str, dict[str, Any]]):
    """Records by key (a hex digest), one JSON file each, so that finished records survive a killed run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path:
        if not key.isalnum():
            raise KeyError(f"expected a hex digest as key, got {key!r}")
        return self._folder / key[:2] / f"{key}.json"

    def __getitem__(self, key: str) -> dict[str, Any]:
        try:
            return json.loads(self._path(key).read_bytes())
        except FileNotFoundError:
            raise KeyError(key) from None
        except (ValueError, RecursionError) as error:
            raise FileError(f"{self._path(key)}: expected JSON; delete it to have it made anew: {error}") from error

    def __setitem__(self, key: str, value: dict[str, Any]) -> None:
        write_bytes(self._path(key), json.dumps(value, separators=(",", ":")).encode())

    def __delitem__(self, key: str) -> None:
        try:
            self._path(key).unlink()
        except FileNotFoundError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob("??/*.json")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._path(key).is_file()


class JsonStoreDataset(AbstractDataset[None, JsonStore]):
    """A folder of JSON records that nodes read and fill in place.

    Args:
        filepath: the folder; it appears with the first record.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> JsonStore:
        """Returns the store, empty if the folder does not exist yet."""
        return JsonStore(self._folder)

    def save(self, data: None) -> None:
        """Raises TypeError: a store is filled record by record."""
        raise TypeError("a store is filled record by record, not by a node's output")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}


class RunRecordDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """When each step ran and how, kept from run to run in one JSON file; empty before the first one.

    Args:
        filepath: the file.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Returns the record.

        Raises:
            FileError: if the file is no JSON.
        """
        if not self._filepath.exists():
            return {}
        try:
            return json.loads(self._filepath.read_bytes())
        except ValueError as error:
            raise FileError(
                f"{self._filepath}: expected the record of earlier runs in JSON, but it does not parse: {error}; "
                "delete it"
            ) from error

    def save(self, data: dict[str, Any]) -> None:
        """Replaces the record."""
        write_bytes(self._filepath, f"{json.dumps(data, indent=2, ensure_ascii=False, default=str)}\n".encode())

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
