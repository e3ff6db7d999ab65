"""Elements of a page whose texts and attributes are escaped, names from outside among them."""

from collections.abc import Iterable

from markupsafe import Markup, escape

#: Characters that a name from outside may bring and that nobody can see: the controls, with the escape that starts a
#: terminal's codes, become their pictures; those that turn the direction of a line, and halves of characters, become a
#: question mark.
_UNSEEN = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(
        (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)), 0xFFFD
    ),
}


def visible(text: object) -> object:
    """Returns a text with a picture of each control character; markup and other values as they are."""
    return text.translate(_UNSEEN) if isinstance(text, str) and not isinstance(text, Markup) else text


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """Returns an element. Texts are escaped, `Markup` is not.

    Args:
        tag: its name.
        content: what it holds.
        attributes: by name, with underscores for hyphens and one at the end for Python's own words; None leaves one
            out, and a number is written with three decimals at most.
    """
    written = [
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _plain(value))
        for name, value in attributes.items()
        if value is not None
    ]
    head = Markup("<{}{}>").format(tag, Markup("").join(written))
    return head + joined(content) + Markup("</{}>").format(tag)


def joined(parts: Iterable[object]) -> Markup:
    """Returns parts one after the other, each text of them escaped."""
    return Markup("").join(escape(visible(part)) for part in parts)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return visible(value)
