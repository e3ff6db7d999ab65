"""Dataset of what frozen encoders computed: a bounded folder of tensors by key."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kedro.io import AbstractDataset

from gsam_edge.training.durable import remove_abandoned, write_bytes
from gsam_edge.training.sealed import DamagedTensorsError, require_intact, sealed
from gsam_edge.vision.errors import writing

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

_KEY = re.compile(r"[0-9a-f]{64}")
#: The store's own files.
_OWN = re.compile(rf"{_KEY.pattern}\.safetensors")


class _Kept(NamedTuple):
    """A file of the store: when it was last used, its size in bytes, its path."""

    used: float
    size: int
    path: Path


class FolderFeatures:
    """A `FeatureStore` in a folder: a safetensors file for each key, read whole and written whole by renaming.

    Several processes may share the folder. The files that were not used for the longest time leave when there is no
    room. A damaged file counts as missing and is written anew. Files of another origin are neither counted nor deleted.

    Args:
        folder: it appears with the first file.
        max_mb: most bytes of all files, in 2^20; 0 keeps nothing. A process looks at the folder whenever it has written
            a sixteenth of that, so that each further process may exceed it by a sixteenth.

    Attributes:
        damaged: damaged files met so far by this process.
    """

    def __init__(self, folder: Path, *, max_mb: int) -> None:
        self._folder = folder
        self._bound = max_mb * 2**20
        self._unlooked: float = self._bound
        self._was_full = False
        self.damaged = 0

    def get(self, key: str) -> dict[str, Tensor] | None:
        """See `FeatureStore.get`.

        Raises:
            ValueError: if the key is no SHA-256 digest.
            FileError: if the permission is missing.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self._path(key)
        try:
            with writing(path):
                content = path.read_bytes()
                os.utime(path)  # used: it leaves last
        except FileNotFoundError:
            return None
        try:
            tensors = load(content)
            require_intact(content)
            return tensors
        except (SafetensorError, DamagedTensorsError, KeyError) as error:  # KeyError: a type of number PyTorch lacks
            self.damaged += 1
            logger.warning("%s: damaged (%s), computed anew; %d so far", path, error, self.damaged)
            return None

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """See `FeatureStore.put`.

        Raises:
            ValueError: if the key is no SHA-256 digest.
            FileError: if the disk is full or the permission is missing.
        """
        from safetensors.torch import save

        path = self._path(key)
        on_cpu = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
        content = sealed(save(on_cpu))
        if len(content) > self._bound:
            self._say_full()
            return
        self._unlooked += len(content)
        if self._unlooked > self._bound / 16:
            self._make_room(len(content))
        write_bytes(path, content, lasts=False)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"features: expected a SHA-256 digest in lower case as key, got {key!r}")
        return self._folder / key[:2] / f"{key}.safetensors"

    def _make_room(self, size: int) -> None:
        """Deletes files until a sixteenth of the bound and the next file of this size fit in."""
        remove_abandoned(self._folder, below=True)
        kept = self._kept()
        allowed = self._bound - max(size, self._bound // 16)
        total = sum(one.size for one in kept)
        for one in sorted(kept):
            if total <= allowed:
                break
            one.path.unlink(missing_ok=True)
            total -= one.size
            self._say_full()
        self._unlooked = size

    def _kept(self) -> list[_Kept]:
        """Returns the store's files, without those that are being written."""
        kept = []
        for path in self._folder.glob("??/*"):
            if not _OWN.fullmatch(path.name):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process deleted it
            kept.append(_Kept(status.st_mtime, status.st_size, path))
        return kept

    def _say_full(self) -> None:
        if not self._was_full:
            self._was_full = True
            logger.warning(
                "%s: its %d MB are full, so features leave it and are computed anew; max_mb in the catalog bounds it",
                self._folder,
                self._bound // 2**20,
            )


class FeatureStoreDataset(AbstractDataset[None, FolderFeatures]):
    """A folder of features that trainings read and fill in place.

    Args:
        filepath: the folder; it appears with the first features.
        max_mb: most disk space that it takes, 2^20 bytes.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, max_mb: int, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self._max_mb = max_mb
        self.metadata = metadata

    def load(self) -> FolderFeatures:
        """Returns the store, empty if the folder does not exist yet."""
        return FolderFeatures(self._folder, max_mb=self._max_mb)

    def save(self, data: None) -> None:
        """Raises TypeError: a store is filled key by key."""
        raise TypeError("a store is filled key by key, not by a node's output")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "max_mb": self._max_mb}
