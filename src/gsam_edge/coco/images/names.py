"""Compares file names as different systems spell them: separators, Unicode normalisation, percent encoding, case."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import unquote


def _with_slashes(name: str) -> str:
    """Forward slashes, no empty parts, no `.`: as Windows and URLs write paths."""
    if "/" not in name and "\\" not in name:
        return "" if name == "." else name
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _composed(name: str) -> str:
    """Unicode's composed form (NFC): macOS stores `u` and its dots as two characters."""
    return unicodedata.normalize("NFC", _with_slashes(name))


def _decoded(name: str) -> str:
    """Percent signs of a URL read as the characters that they stand for; text without UTF-8 in them stays."""
    try:
        return _composed(unquote(name, errors="strict"))
    except UnicodeDecodeError:
        return _composed(name)


def spelling_key(name: str) -> str:
    """Returns what is equal for all spellings of a name: with slashes, composed, decoded, and without regard to case.

    Caseless comparison as in the Unicode Standard, section 3.13, D145.
    """
    return _composed(_decoded(name).casefold())


#: How a name is read, the closest first. Each reading also takes what those before it took.
_READINGS: Sequence[Callable[[str], str]] = (str, _with_slashes, _composed, _decoded, spelling_key)


def spelling_distance(name: str, other: str) -> int | None:
    """Returns how far two spellings of one name are apart, 0 where they are equal; None for different names."""
    return next((rank for rank, reading in enumerate(_READINGS) if reading(name) == reading(other)), None)


class Spellings:
    """Known names, found by the closest of their spellings.

    Args:
        names: the names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(set(names))
        self._by_reading: dict[int, dict[str, list[str]]] = {}

    def find(self, name: str) -> tuple[str, ...]:
        """Returns the known names that are the same name in another spelling, sorted; the name itself where known.

        Only those of the closest spelling are returned: several are there where nothing tells them apart, none where
        the name is unknown in every spelling.
        """
        for rank, reading in enumerate(_READINGS):
            if rank not in self._by_reading:
                table: dict[str, list[str]] = {}
                for known in self._names:
                    table.setdefault(reading(known), []).append(known)
                self._by_reading[rank] = table
            found = self._by_reading[rank].get(reading(name))
            if found:
                return tuple(found)
        return ()
