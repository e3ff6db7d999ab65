"""A card in a file of its own is read back, and nothing is believed of it."""

import pytest

from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.card_file import pack_properties, unpack_properties


def test_properties_are_read_back():
    properties = {"task": "detect", "class_names": '["Öse"]'}
    assert unpack_properties(pack_properties(properties)) == properties


@pytest.mark.parametrize("broken", [b"\xff", b"{", b"[]", b'{"image_size": 64}'])
def test_properties_that_are_no_texts_are_refused(broken):
    with pytest.raises(ArtefactError, match=r"card\.json"):
        unpack_properties(broken)
