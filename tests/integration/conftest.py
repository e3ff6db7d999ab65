"""The project that whole runs are started in."""

import shutil
from pathlib import Path

import pytest

pytest.register_assert_rewrite("support.finished_runs")

from support.whole_runs import ROOT  # noqa: E402


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's configuration in a folder of its own, so that a test writes nothing into the checkout."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("conf", "pyproject.toml", ".telemetry", "src"):
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
    (folder / "logs").mkdir()  # without the developer's own
    (folder / "data" / "06_models").mkdir(parents=True)
    (folder / "data" / "06_models" / "base").symlink_to(ROOT / "data" / "06_models" / "base")
    return folder
