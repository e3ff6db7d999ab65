"""Finds an artefact's file, also in the folder of versions that Kedro keeps."""

import json
from pathlib import Path

from gsam_edge.runtime.card import ArtefactError

#: How the project writes why there is no artefact, in its file's place.
_NOT_BUILT = b'{"status"'


def artefact_file(path: Path) -> Path:
    """Returns a path itself, or, for a folder of versions (`<path>/<version>/<name of path>`), its newest file.

    Raises:
        ArtefactError: if it is a folder without versions.
    """
    if not path.is_dir():
        return path
    versions = sorted(version for version in path.iterdir() if (version / path.name).is_file())
    if not versions:
        inside = sorted(entry.name for entry in path.iterdir())
        raise ArtefactError(
            f"{path}: expected a file, or a folder of versions as Kedro writes them (<version>/{path.name}), got a "
            f"folder that holds {inside[:5] or 'nothing'}; name the file itself, or run the pipeline optimization"
        )
    return versions[-1] / path.name  # versions are named by their time, so that the newest is the last


def require_built(content: bytes, name: str) -> None:
    """Raises an `ArtefactError` with the reason if a file only says why there is no artefact."""
    if not content.startswith(_NOT_BUILT):
        return
    try:
        why = json.loads(content)["why"]
    except (ValueError, KeyError, RecursionError):
        return  # no such file: the backend will say what is wrong with it
    raise ArtefactError(f"{name}: expected an exported student, but it was not built: {why}")
