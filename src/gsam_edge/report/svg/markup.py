"""Elements of a page whose texts and attributes are escaped, names from outside among them."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from gsam_edge.vision.text import visible


def plain(value: object) -> object:
    """Returns a text with a symbol for each control character; markup and other values as they are."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """Returns an element. Texts are escaped, `Markup` is not.

    Args:
        tag: its name.
        content: what it holds.
        attributes: by name, with underscores for hyphens and one at the end for Python's own words; None leaves one
            out, and a number is written with three decimals at most.
    """
    written = [
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _written(value))
        for name, value in attributes.items()
        if value is not None
    ]
    head = Markup("<{}{}>").format(tag, Markup("").join(written))
    return head + joined(content) + Markup("</{}>").format(tag)


def joined(parts: Iterable[object]) -> Markup:
    """Returns parts one after the other, each text of them escaped."""
    return Markup("").join(escape(plain(part)) for part in parts)


def _written(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return plain(value)
