"""Texts from outside, such as names of files and classes, as they may be shown."""

#: Characters that nobody can see: the controls, with the escape that starts a terminal's codes, become their pictures;
#: those that turn the direction of a line, and halves of characters, become a question mark.
_UNSEEN = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(
        (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)), 0xFFFD
    ),
}


def visible(text: str) -> str:
    """Returns a text with a picture of each control character but tab and line feed."""
    return text.translate(_UNSEEN)
