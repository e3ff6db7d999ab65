"""Finds the files of image records whose `file_name` is spelled otherwise than its file."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from unicodedata import normalize

from gsam_edge.coco.geometry.shapes import brief
from gsam_edge.coco.images.names import Spellings, spelling_key

#: Names for which a similar one is looked for: a finding shows a few cases, and comparing takes long.
_MOST_COMPARED = 5
#: Names of files, in alphabetical order around the missing one, that are compared with it.
_NEIGHBOURS = 200


@dataclass(frozen=True)
class Search:
    """Result of `search`.

    Attributes:
        found: by place, the name of the file that is surely meant.
        hints: by place, for the others, what is known: the files that nearly fit.
        taken: by place, the file that is spelled alike and that another record names: its labels may be meant.
    """

    found: Mapping[int, str]
    hints: Mapping[int, str]
    taken: Mapping[int, str]


def search(missing: Mapping[int, str], taken: Collection[str], files: Iterable[str]) -> Search:
    """Looks for files under other spellings of names.

    A file is found where it is the only one of the closest spelling and no other record names it: two records never
    come to one file, and the order of the records changes nothing.

    Args:
        missing: names under which no file was found, by place.
        taken: names of all records, also of those whose files were found.
        files: names of the files in the folder.
    """
    names = sorted(set(files))
    spellings = Spellings(names)
    fitting = {place: spellings.find(name) for place, name in missing.items()}
    claims = Counter(found[0] for found in fitting.values() if len(found) == 1)
    surely: dict[int, str] = {}
    hints: dict[int, str] = {}
    of_others: dict[int, str] = {}
    nearest = _Nearest(names)
    for place, found in fitting.items():
        if not found:
            hints[place] = nearest.told(missing[place])
        elif len(found) > 1:
            hints[place] = f"{_listed(found)} are spelled alike"
        elif found[0] in taken or claims[found[0]] > 1:
            hints[place] = f"{brief(found[0])} is spelled alike, but other image records name that file, too"
            of_others |= {place: found[0]} if found[0] in taken else {}
        else:
            surely[place] = found[0]
    return Search(surely, hints, of_others)


def difference(name: str, true: str) -> str:
    """Returns in words how the file of a record is really called."""
    unseen = ", in Unicode characters that look the same" if normalize("NFC", name) == normalize("NFC", true) else ""
    return f"{brief(name)} is the file {brief(true)}{unseen}"


class _Nearest:
    """Tells which files nearly fit a name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._of_base: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self._of_base[_base(name)].append(name)
        self._bases = sorted(self._of_base)
        self._compared = 0

    def told(self, name: str) -> str:
        """Returns the files that nearly fit a name, in a clause."""
        if not self._names:
            return "the folder holds no image file"
        base = _base(name)
        if base in self._of_base:
            return f"a file of that name is {_listed(self._of_base[base])}"
        if self._compared < _MOST_COMPARED:
            self._compared += 1
            place = bisect_left(self._bases, base)
            around = self._bases[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]
            near = get_close_matches(base[:200], around, n=1)
            if near:
                return f"the nearest name is {_listed(self._of_base[near[0]])}"
        return f"the folder holds {len(self._names)} image files, the first is {brief(self._names[0])}"


def _base(name: str) -> str:
    """Returns a name without its folders, equal for all its spellings."""
    return spelling_key(name).rpartition("/")[2]


def _listed(names: Sequence[str]) -> str:
    """Returns one or two names, and how many more there are."""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return " and ".join(map(brief, names[:2])) + more
