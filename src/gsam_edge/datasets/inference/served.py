"""Dataset of a student as an MLflow model: a folder that `mlflow models serve` answers from."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kedro.io import AbstractDataset

import gsam_edge
from gsam_edge.datasets.inference.exported import Exported
from gsam_edge.export.bundle.wheel import device_modules
from gsam_edge.runtime.engines.table import ENGINES
from gsam_edge.training.durable import new_folder

_LOADER = "gsam_edge.runtime.served"
#: Packages that a model needs beside the backend of its file.
_NEEDED = ("numpy", "pillow")


@dataclass(frozen=True)
class Serving:
    """A student to be served.

    Attributes:
        exported: its file.
        settings: see `runtime.served`: `threads`, `max_pixels`, and `score_threshold` where it is not the card's.
    """

    exported: Exported
    settings: Mapping[str, Any]


@contextmanager
def model_arguments(serving: Serving) -> Iterator[dict[str, Any]]:
    """Yields the arguments for `mlflow.pyfunc.save_model` and `log_model`; the files that they name go afterwards."""
    from importlib.metadata import version

    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Object, Property

    mask = Object([Property("size", Array(DataType.long)), Property("counts", DataType.string)])
    found = Object(
        [
            Property("class", DataType.string),
            Property("score", DataType.double),
            Property("box", Array(DataType.double)),
            Property("mask", mask, required=False),
        ]
    )
    sides = [ColSpec(DataType.long, name, required=False) for name in ("height", "width")]
    outputs = [ColSpec(Array(found), "objects"), *sides, ColSpec(DataType.string, "error", required=False)]
    (backend,) = (
        f"{name}=={engine.version()}"
        for name, engine in ENGINES.items()
        if serving.exported.suffix.endswith(engine.suffixes)
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / f"student{serving.exported.suffix}"
        file.write_bytes(serving.exported.content)
        # what runs on the device travels inside the model: it is served where this project is not installed
        for path, content in device_modules().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        yield {
            "loader_module": _LOADER,
            "data_path": str(file),
            "code_paths": [str(folder / gsam_edge.__name__)],
            "model_config": dict(serving.settings),
            "signature": ModelSignature(Schema([ColSpec(DataType.binary, "image")]), Schema(outputs)),
            "pip_requirements": [*(f"{name}=={version(name)}" for name in _NEEDED), backend],
            "metadata": {"artefact": serving.exported.name},
        }


class ServedStudentDataset(AbstractDataset[Serving, Any]):
    """An MLflow model of the flavour `python_function`, written whole or not at all.

    Args:
        filepath: the folder.
        metadata: ignored here; kedro-viz reads the layer from it.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: Serving) -> None:
        """Writes the model."""
        import mlflow

        with model_arguments(data) as arguments, new_folder(self._filepath) as draft:
            mlflow.pyfunc.save_model(path=str(draft), **arguments)

    def load(self) -> Any:
        """Returns the model as MLflow loads it."""
        import mlflow

        # MLflow puts the model's copy of the runtime first on the search path, where processes that are started later
        # (the measuring workers) would find it in place of this package.
        search_path = list(sys.path)
        try:
            return mlflow.pyfunc.load_model(str(self._filepath))
        finally:
            sys.path[:] = search_path

    def _exists(self) -> bool:
        return (self._filepath / "MLmodel").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
