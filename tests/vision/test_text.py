"""Texts from outside are shown without what would steer a terminal or a line."""

from gsam_edge.vision.text import visible


def test_controls_and_what_turns_a_line_become_visible():
    assert visible("a\x1b[31mred\x00\x7f\u202eb\x9b\ud800") == "a␛[31mred␀␡\ufffdb\ufffd\ufffd"
    assert visible("two\nlines\t") == "two\nlines\t"
