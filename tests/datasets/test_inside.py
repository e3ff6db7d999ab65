"""A name from a dataset cannot write beside the folder that it belongs to."""

import pytest
from kedro.io import DatasetError

from gsam_edge.datasets.inside import write_inside


def test_folders_between_are_made(tmp_path):
    write_inside(tmp_path, "a/b/c.png", b"1")
    assert (tmp_path / "a" / "b" / "c.png").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["../out.png", "a/../../out.png", "/elsewhere/out.png", "link/out.png"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(DatasetError, match="expected a name inside the folder, got"):
        write_inside(folder, name, b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
