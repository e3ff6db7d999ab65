"""Which folders a project may lie in, and what libraries keep there instead of in the user's home."""

import os
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


def keep_font_list(project_path: Path) -> None:
    """Lets matplotlib keep its list of this machine's fonts in the project: by itself it writes into the user's home.

    It asks for the place when it is imported, so this comes before. A place that the user names (MPLCONFIGDIR) stays.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(project_path / ".cache" / "matplotlib"))
