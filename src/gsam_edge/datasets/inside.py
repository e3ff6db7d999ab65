"""Writes files of a folder whose names come from a dataset."""

from pathlib import Path

from kedro.io import DatasetError


def write_inside(folder: Path, name: str, content: bytes) -> None:
    """Writes a file below a folder, with the folders between.

    Args:
        folder: a folder that is there.
        name: path below it, with "/".
        content: of the file.

    Raises:
        DatasetError: if the name leads out of the folder.
    """
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise DatasetError(f"expected a name inside the folder, got {name!r}; rename the image in the dataset")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
