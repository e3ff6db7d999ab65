"""Which folders a project may lie in, and what goes on the command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gsam_edge.hooks.place import PlaceError, keep_font_list, require_usable_path

PROJECT = Path("/home/me/project")


@pytest.mark.parametrize("name", ["a [b]", "a{b}", "a*", "50%", "a\udcff", "a#b"])
def test_a_path_that_is_read_as_something_else_is_said(name):
    require_usable_path(PROJECT / "ü (1), x=2")
    with pytest.raises(PlaceError, match=r"expected a project's folder without .* move or rename the folder"):
        require_usable_path(PROJECT / name)


def test_matplotlib_keeps_its_list_of_fonts_in_the_project(tmp_path):
    code = f"""
from pathlib import Path
from gsam_edge.hooks.place import keep_font_list
keep_font_list(Path({str(tmp_path / "project")!r}))
import matplotlib.font_manager
"""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "MPL"))}
    (tmp_path / "home").mkdir()
    own |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=own, check=True)
    assert list((tmp_path / "home").rglob("*")) == []
    assert [path.suffix for path in (tmp_path / "project").rglob("*") if path.is_file()] == [".json"]


def test_a_place_that_the_user_names_for_matplotlib_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    keep_font_list(tmp_path)
    assert os.environ["MPLCONFIGDIR"] == "mine"


def test_lists_and_texts_with_commas_go_through_a_file(tmp_path):
    from kedro.framework.cli.project import run

    file = tmp_path / "run.yml"
    file.write_text('run: {params: {dataset: "a, b", split: {train: 0.5}, words: [1, 2]}}')
    given = run.make_context("run", ["--config", str(file)]).params["params"]
    assert given == {"dataset": "a, b", "split": {"train": 0.5}, "words": [1, 2]}
