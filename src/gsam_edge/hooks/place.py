"""Where a run writes: in its project, from whatever folder and in whatever way it is started."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import yaml
from kedro.framework.project import LOGGING

from gsam_edge.vision.errors import UserError
from gsam_edge.vision.text import visible

_SQLITE = "sqlite:///"
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


def log_in_project(project_path: Path) -> None:
    """Has the project's conf/logging.yml obeyed from any working directory.

    Kedro looks for that file in the working directory alone. `KEDRO_LOGGING_CONFIG` still takes its place.
    """
    file = project_path / "conf" / "logging.yml"
    if Path.cwd() != project_path and "KEDRO_LOGGING_CONFIG" not in os.environ and file.is_file():
        config = yaml.safe_load(file.read_text("utf-8"))
        for handler in config["handlers"].values():
            if "filename" in handler:
                handler["filename"] = str(project_path / handler["filename"])
                Path(handler["filename"]).parent.mkdir(parents=True, exist_ok=True)
        LOGGING.configure(config)


def tracking_in_project(conf: Mapping[str, Any], project_path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Returns the content of mlflow.yml with the places that it means.

    Args:
        conf: the content.
        project_path: relative places are in it, not in the working directory.
        environ: `MLFLOW_TRACKING_URI` takes the place of the file's address.

    Returns:
        A copy. Where runs go to a server, a folder for artefacts is left out: they go through the server.
    """
    server, tracking = dict(conf.get("server") or {}), dict(conf.get("tracking") or {})
    address = environ.get("MLFLOW_TRACKING_URI") or server.get("mlflow_tracking_uri")
    if address:
        server["mlflow_tracking_uri"] = _in_project(address, project_path)
        experiment = dict(tracking.get("experiment") or {})
        kwargs = dict(experiment.get("create_experiment_kwargs") or {})
        if urlparse(address).scheme in ("http", "https") and not urlparse(kwargs.get("artifact_location") or "").scheme:
            experiment["create_experiment_kwargs"] = kwargs | {"artifact_location": None}
            tracking["experiment"] = experiment
    return {**conf, "server": server, "tracking": tracking}


def _in_project(address: str, project_path: Path) -> str:
    """Returns the address of a database with its file's whole path; others as they are."""
    file = address.removeprefix(_SQLITE)
    if not address.startswith(_SQLITE) or not file or file.startswith((":", "/")) or Path(file).is_absolute():
        return address
    return f"{_SQLITE}{(project_path / file).as_posix()}"
