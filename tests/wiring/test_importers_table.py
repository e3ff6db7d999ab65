"""Every entry of IMPORTERS can be called, and has a line in the docs and its name where the parameter is explained."""

from pathlib import Path

import pytest

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.importers import IMPORTERS, ImportConfig
from support.importers import Files

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", IMPORTERS)
def test_an_importer_is_called_with_files_and_settings_and_is_explained(name):
    with pytest.raises(InvalidDatasetError):
        IMPORTERS[name](Files({}), ImportConfig(class_names={}, labels_lost="drop", unlisted_images="empty"))
    docs = (ROOT / "docs" / "data.md").read_text("utf-8").splitlines()
    assert any(line.startswith(f"| `{name}` |") for line in docs)
    parameters = (ROOT / "conf" / "base" / "parameters_import_dataset.yml").read_text("utf-8").splitlines()
    (line,) = [line for line in parameters if line.startswith("format:")]
    assert name in line
