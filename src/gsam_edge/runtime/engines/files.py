"""Finds an artefact's file, also in the folder of versions that Kedro keeps, and reads why there is none."""

import json
from pathlib import Path

from gsam_edge.runtime.card import ArtefactError

#: How the project writes why there is no artefact, in its file's place; no format's file begins like this.
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


def why_not_built(content: bytes) -> str | None:
    """Returns the reason that a file holds in an artefact's place, as JSON; None for an artefact.

    Raises:
        ArtefactError: if it begins as such a file and gives no reason.
    """
    if not content.startswith(_NOT_BUILT):
        return None
    try:
        return str(json.loads(content)["why"])
    except (ValueError, KeyError, RecursionError) as error:
        raise ArtefactError(f"artefact: expected JSON that says why it was not built, but: {error!r}") from error
