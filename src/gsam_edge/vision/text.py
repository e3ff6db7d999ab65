"""Text from files as people may see it: nothing in it steers a terminal or hides what is written."""

import logging
import unicodedata
from collections.abc import Mapping
from typing import Any

#: Longest class name in characters: enough for a description, and short enough for tables, plots and prompts.
MOST_NAME = 200
_KEPT = "\n\t"
#: Characters that turn the direction of what follows, and marks that only break lines.
_HIDDEN = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    r"""Returns text with control characters written out, such as \x1b for an escape; line ends and tabs stay."""
    if text.isprintable():
        return text
    return "".join(_written(sign) if _is_hidden(sign) else sign for sign in text)


def visible_values(value: Any) -> Any:
    """Returns a JSON value with every text in it, keys too, as `visible` shows it."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible_values(key): visible_values(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(visible_values(inner) for inner in value)
    return value


def name_fault(name: str) -> str | None:
    """Returns why a text is no class name that can be shown, as a clause; None where it is one."""
    if len(name) > MOST_NAME:
        return f"expected at most {MOST_NAME} characters, got {len(name)}, beginning {visible(name[:40])!r}"
    if visible(name) != name:
        return f"expected no control characters, got {visible(name)!r}"
    return None


class VisibleFilter(logging.Filter):
    """Shows what is logged as `visible` does, tracebacks too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replaces the record's text; keeps every record."""
        record.msg, record.args = visible(record.getMessage()), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = visible(logging.Formatter().formatException(record.exc_info))
        return True


def _is_hidden(sign: str) -> bool:
    return sign not in _KEPT and (unicodedata.category(sign) in ("Cc", "Cs") or sign in _HIDDEN)


def _written(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode() if ord(sign) > 0x7F else f"\\x{ord(sign):02x}"
