"""Reads ids of records and references to them; ids that are words are numbered anew."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from gsam_edge.coco.geometry.shapes import is_text, whole_number

#: Ids of more bits than this are no ids; those of UUIDs and hashes have up to 512.
_LONGEST_ID = 1024


def id_number(value: Any) -> int | None:
    """Returns an id as a whole number, also from text with a fraction of zero ("5.0"); None for anything else."""
    return whole_number(value.strip().removesuffix(".0") if isinstance(value, str) else value)


def is_word(value: Any) -> bool:
    """Whether an id is text that is no whole number, or a whole number of more than 63 bits, as of a UUID."""
    return _word(value) is not None


def _word(value: Any) -> str | None:
    """Returns the text of an id that is a word, without the blanks around it; None where it is none."""
    if id_number(value) is not None:
        return None
    if type(value) is int and value.bit_length() <= _LONGEST_ID:
        return str(value)
    return value.strip() if is_text(value) else None


class Ids:
    """The ids of a list of records: whole numbers, and words with a number for each that no record has.

    Args:
        values: the ids as they stand in the file, of any type; words get their numbers in this order.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        listed = list(values)
        words = dict.fromkeys(word for word in map(_word, listed) if word is not None)
        used = {id_number(value) for value in listed} if words else set()
        free = (number for number in count(1) if number not in used)
        self._numbers = dict(zip(words, free, strict=False))
        #: The numbers that stand for words: no whole number of the file refers to them.
        self.given = frozenset(self._numbers.values())

    def call(self, names: Mapping[str, int]) -> None:
        """Lets references use other words, too, by the number that they stand for; ids come first."""
        self._numbers = {name: number for name, number in names.items() if is_word(name)} | self._numbers

    def find(self, value: Any) -> int | None:
        """Returns the number of an id or of a reference to one; None where no record can have it."""
        number = id_number(value)
        if number is not None:
            return None if number in self.given else number
        word = _word(value)
        return None if word is None else self._numbers.get(word)
