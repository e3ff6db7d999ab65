"""Dataset of a folder of images, read one at a time; names that lead out of the folder are refused."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.coco.images.scan import ScannedImage, scan_image
from gsam_edge.training.durable import new_folder
from gsam_edge.vision.images import (
    IMAGE_SUFFIXES,
    ImageError,
    MissingImageError,
    decode_image,
    probe_image,
    probe_orientation,
    read_image_file,
)


class ImageFolder(Mapping[str, NDArray[np.uint8]]):
    """A mapping from file names, relative to a folder, to RGB uint8 [H, W, 3]; decoded on access.

    A name that leads out of the folder, by `..`, as an absolute path or through a link, is refused.
    """

    def __init__(self, folder: Path, *, max_pixels: int) -> None:
        self._folder = folder
        self._root = folder.resolve()
        self._max_pixels = max_pixels
        self._folders: dict[Path, Path] = {}

    def __getitem__(self, file_name: str) -> NDArray[np.uint8]:
        return decode_image(self._read(file_name), name=file_name, max_pixels=self._max_pixels)

    def probe(self, file_name: str) -> tuple[int, int]:
        """Returns height and width of the image as it will be decoded, read from its header.

        Raises:
            ImageError: if it is missing, unreadable, too large or outside the folder.
        """
        return probe_image(self._inside(file_name), name=file_name, max_pixels=self._max_pixels)

    def orientation(self, file_name: str) -> int:
        """Returns the EXIF orientation, 5 to 8 where it swaps the sides, else 1. Raises ImageError as `probe` does."""
        return probe_orientation(self._inside(file_name), name=file_name, max_pixels=self._max_pixels)

    def inspect(self, file_name: str) -> ScannedImage:
        """Returns the decoded image's size and facts. Raises ImageError as `probe` does, and if it is cut off."""
        return scan_image(self._read(file_name), name=file_name, max_pixels=self._max_pixels)

    def digest(self, file_name: str) -> str:
        """Returns the SHA-256 of the file's bytes. Raises ImageError if it is missing or outside the folder."""
        with self._inside(file_name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def content(self, file_name: str) -> bytes:
        """Returns the file's bytes. Raises ImageError as `probe` does."""
        return self._read(file_name)

    def stamp(self, file_name: str) -> str:
        """Returns folder, limit, size and time of the last change, which differ between datasets with equal file names.

        Raises:
            ImageError: if the file is missing or outside the folder.
        """
        status = self._inside(file_name).stat()
        return f"{self._root}\0{self._max_pixels}-{status.st_size}-{status.st_mtime_ns}"

    def _read(self, file_name: str) -> bytes:
        return read_image_file(self._inside(file_name), name=file_name, max_pixels=self._max_pixels)

    def _inside(self, file_name: str) -> Path:
        path = self._folder / file_name
        try:
            if "\0" in file_name:
                raise ValueError("a zero byte, which pathlib takes for a file that is not there")
            resolved = self._resolved_folder(path.parent) / path.name
            if resolved.is_symlink():
                resolved = resolved.resolve()
            missing = not resolved.is_file()
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            raise ImageError(f"expected the name of an image file, got {file_name!r:.200}") from error
        if Path(file_name).is_absolute() or not resolved.is_relative_to(self._root):
            raise ImageError(f"expected a file inside the dataset's folder, got {file_name!r}")
        if missing:
            raise MissingImageError(f"expected an image, found no file {path}")
        return resolved

    def _resolved_folder(self, folder: Path) -> Path:
        """Returns a folder with its links resolved, cached: a hundred thousand files lie in a few folders."""
        if folder not in self._folders:
            self._folders[folder] = folder.resolve()
        return self._folders[folder]

    def __iter__(self) -> Iterator[str]:
        for path in sorted(self._folder.rglob("*")):  # links that lead nowhere, too: reading them says so
            if path.suffix.lower() in IMAGE_SUFFIXES and (path.is_file() or path.is_symlink()):
                yield path.relative_to(self._folder).as_posix()

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ImageFolderDataset(AbstractDataset[Mapping[str, bytes], ImageFolder]):
    """A folder of images: loads as an `ImageFolder`, saves encoded files by name.

    Args:
        filepath: the folder.
        max_pixels: larger images are refused before they are decoded.
        optional: whether a missing folder counts as an empty one.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(
        self, *, filepath: str, max_pixels: int, optional: bool = False, metadata: dict[str, Any] | None = None
    ) -> None:
        self._folder = Path(filepath)
        self._max_pixels = max_pixels
        self._optional = optional
        self.metadata = metadata

    def load(self) -> ImageFolder:
        """Returns the folder's images by name; nothing is decoded yet."""
        if not self._optional and not self._folder.is_dir():
            raise DatasetError(f"dataset: expected a folder of images, found none: {self._folder}")
        return ImageFolder(self._folder, max_pixels=self._max_pixels)

    def save(self, data: Mapping[str, bytes]) -> None:
        """Replaces the folder by these files (name to encoded image)."""
        with new_folder(self._folder) as draft:
            for name, content in data.items():
                target = draft / name
                if not target.resolve().is_relative_to(draft.resolve()):
                    raise DatasetError(f"expected a name inside the folder, got {name!r}")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)

    def preview(self, columns: int = 4, rows: int = 3, side: int = 160) -> ImagePreview:
        """Returns the first images as one contact sheet, for kedro-viz."""
        images = self.load()
        sheet = Image.new("RGB", (columns * side, rows * side), "white")
        for index, (name, _) in enumerate(zip(images, range(columns * rows), strict=False)):
            thumbnail = Image.fromarray(images[name])
            thumbnail.thumbnail((side, side))
            sheet.paste(thumbnail, (index % columns * side, index // columns * side))
        buffer = BytesIO()
        sheet.save(buffer, format="PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode("ascii"))

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder), "max_pixels": self._max_pixels, "optional": self._optional}
