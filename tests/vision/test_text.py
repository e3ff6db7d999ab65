"""Texts from outside are shown without what would steer a terminal or a line."""

import pytest

from gsam_edge.vision.text import name_fault, visible


def test_controls_and_what_turns_a_line_become_visible():
    assert visible("a\x1b[31mred\x00\x7f\u202eb\x9b\ud800") == "a␛[31mred␀␡\ufffdb\ufffd\ufffd"
    assert visible("two\nlines\t") == "two\nlines\t"


@pytest.mark.parametrize(
    ("name", "fault"), [("a" * 201, "at most 200 characters"), ("\x1b[2J", "no control characters")]
)
def test_a_class_name_can_be_shown(name, fault):
    assert name_fault("bag") is None
    assert fault in name_fault(name)
