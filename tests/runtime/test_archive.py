"""An artefact of several files is one zip that holds what it should, and nothing is believed of it."""

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.archive import pack, pack_properties, unpack, unpack_properties

FILES = {"graph": b"a graph", "weights": bytes(range(256))}


def test_files_are_read_back_and_equal_files_give_equal_bytes():
    assert unpack(pack(FILES), FILES) == FILES
    assert pack(FILES) == pack(dict(FILES))


def test_unpacked_files_can_be_read_by_everybody():
    """Without permissions in the zip, `unzip` gives them to the one who unpacks alone."""
    with ZipFile(BytesIO(pack(FILES))) as archive:
        assert {(info.external_attr >> 16) & 0o777 for info in archive.infolist()} == {0o644}


def test_a_zip_of_other_files_is_refused():
    with pytest.raises(ArtefactError, match="expected a zip of the files"):
        unpack(pack(FILES | {"../outside": b""}), FILES)


def test_a_compressed_file_is_refused_before_it_is_unpacked():
    content = BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        archive.writestr("graph", bytes(10**6))
    with pytest.raises(ArtefactError, match="not compressed"):
        unpack(content.getvalue(), ["graph"])


@pytest.mark.parametrize("broken", [b"", b"no zip", pack(FILES)[:-10], pack(FILES).replace(b"a graph", b"a grapf")])
def test_what_is_no_zip_or_a_damaged_one_is_refused(broken):
    with pytest.raises(ArtefactError, match="expected a zip"):
        unpack(broken, FILES)


def test_properties_are_read_back():
    properties = {"task": "detect", "class_names": '["Öse"]'}
    assert unpack_properties(pack_properties(properties)) == properties


@pytest.mark.parametrize("broken", [b"\xff", b"{", b"[]", b'{"image_size": 64}', b"[" * 100_000])
def test_properties_that_are_no_texts_are_refused(broken):
    with pytest.raises(ArtefactError, match=r"card\.json"):
        unpack_properties(broken)
