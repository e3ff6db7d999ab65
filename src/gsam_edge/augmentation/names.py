"""Messages about names that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches


def check_known(name: str, known: Iterable[str], what: str) -> None:
    """Refuses a name that is not among the known ones.

    Raises:
        ValueError: saying `what` was expected, what arrived, and the nearest valid name or, where none is near, all.
    """
    choices = sorted(known)
    if name in choices:
        return
    near = get_close_matches(name, choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(choices) or 'none'}"
    raise ValueError(f"{what}: nothing is called {name!r}; {hint}")
