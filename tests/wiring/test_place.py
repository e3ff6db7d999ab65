"""Which folders a project may lie in, and what goes on the command line."""

from pathlib import Path

import pytest

from gsam_edge.hooks.place import PlaceError, require_usable_path

PROJECT = Path("/home/me/project")


@pytest.mark.parametrize("name", ["a [b]", "a{b}", "a*", "50%", "a\udcff", "a#b"])
def test_a_path_that_is_read_as_something_else_is_said(name):
    require_usable_path(PROJECT / "ü (1), x=2")
    with pytest.raises(PlaceError, match=r"expected a project's folder without .* move or rename the folder"):
        require_usable_path(PROJECT / name)


def test_lists_and_texts_with_commas_go_through_a_file(tmp_path):
    from kedro.framework.cli.project import run

    file = tmp_path / "run.yml"
    file.write_text('run: {params: {dataset: "a, b", split: {train: 0.5}, words: [1, 2]}}')
    given = run.make_context("run", ["--config", str(file)]).params["params"]
    assert given == {"dataset": "a, b", "split": {"train": 0.5}, "words": [1, 2]}
