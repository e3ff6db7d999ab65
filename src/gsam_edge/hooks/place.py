"""Which folders a project may lie in."""

from pathlib import Path

from gsam_edge.vision.errors import UserError
from gsam_edge.vision.text import visible

#: Kedro reads a project's path as a pattern and as a template, MLflow as an address.
_NOT_IN_A_PATH = "[]{}*?#%"


class PlaceError(UserError):
    """A place of the project, or of its runs, that cannot be used."""


def require_usable_path(project_path: Path) -> None:
    """Checks the path of the project.

    Raises:
        PlaceError: if Kedro or MLflow would take it for something else than a path.
    """
    text = str(project_path)
    strange = sorted(set(text) & set(_NOT_IN_A_PATH))
    try:
        text.encode()
    except UnicodeEncodeError:
        strange.append("bytes that are no UTF-8")
    if strange:
        raise PlaceError(
            f"{visible(text)}: expected a project's folder without {' '.join(_NOT_IN_A_PATH)} in its path, which Kedro "
            f"reads as a pattern and MLflow as an address, got {', '.join(strange)}; move or rename the folder"
        )
