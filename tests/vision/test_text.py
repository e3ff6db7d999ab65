"""What is written in files does not steer a terminal, in whatever text it comes."""

import io
import logging

import pytest

from gsam_edge.vision.text import VisibleFilter, name_fault, visible, visible_values

STEERING = "\x1b[31mred\x1b]0;T\x07\x1b[2J\x9b1m\u202eabc\r\x7f"


def test_control_characters_are_written_out_and_all_else_stays():
    assert visible(STEERING) == r"\x1b[31mred\x1b]0;T\x07\x1b[2J\x9b1m\u202eabc\x0d\x7f"
    for text in ("bag", "ü 袋 🙂", "two\nlines\t", "[bold red] [/]", "$x_{$"):
        assert visible(text) == text


def test_values_of_a_report_are_shown_with_their_keys():
    given = {"\x1b": ["\a", 1, None, {"a": ("\x1b",)}]}
    assert visible_values(given) == {r"\x1b": [r"\x07", 1, None, {"a": (r"\x1b",)}]}


@pytest.mark.parametrize(
    ("name", "fault"), [("a" * 201, "at most 200 characters"), ("\x1b[2J", "no control characters")]
)
def test_a_class_name_can_be_shown(name, fault):
    assert name_fault("bag") is None
    assert fault in name_fault(name)


def test_what_is_logged_is_shown_with_its_traceback():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(VisibleFilter())
    logger = logging.Logger("of a test")
    logger.addHandler(handler)
    logger.warning("image %s", STEERING)
    try:
        raise ValueError(STEERING)
    except ValueError:
        logger.exception("failed")
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count(r"\x1b[2J") == 2
