"""A project of its own with the smallest dataset."""

import shutil
from pathlib import Path

import pytest

from support.made_up import made_up_dataset
from support.whole_runs import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's configuration and code, and `dataset`, in a folder of their own."""
    folder = tmp_path_factory.mktemp("reliability") / "project"
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "logs").mkdir()
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "data" / "06_models" / "base", folder / "data" / "06_models" / "base")
    made_up_dataset(folder / "dataset")
    return folder
