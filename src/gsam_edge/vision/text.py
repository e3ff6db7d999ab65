"""Texts from outside, such as names of files and classes, as they may be shown."""

#: Longest class name in characters: enough for a description, and short enough for tables, plots and prompts.
MOST_NAME = 200

#: Characters that nobody can see: the controls, with the escape that starts a terminal's codes, become their symbols;
#: those that turn the direction of a line, and halves of characters, become a question mark.
_UNSEEN = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(
        (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)), 0xFFFD
    ),
}


def visible(text: str) -> str:
    """Returns a text with a symbol for each control character but tab and line feed."""
    return text.translate(_UNSEEN)


def name_fault(name: str) -> str | None:
    """Returns why a text is no class name that can be shown, as a clause; None where it is one."""
    if len(name) > MOST_NAME:
        return f"expected at most {MOST_NAME} characters, got {len(name)}, beginning {visible(name[:40])!r}"
    if visible(name) != name:
        return f"expected no control characters, got {visible(name)!r}"
    return None
