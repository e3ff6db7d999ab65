"""Errors about unknown names."""

from collections.abc import Iterable
from difflib import get_close_matches

from gsam_edge.vision.errors import UserError


class AugmentationError(UserError, ValueError):
    """An unknown word or rule, or a rule that albumentations refuses; pydantic's validators need the ValueError."""


def check_known(name: str, known: Iterable[str], what: str) -> None:
    """Checks that a name is among the known ones.

    Raises:
        AugmentationError: if not; the message says `what` was expected, what arrived, and the nearest valid name or,
            where none is near, all.
    """
    choices = sorted(known)
    if name in choices:
        return
    near = get_close_matches(name, choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(choices) or 'none'}"
    raise AugmentationError(f"{what}: nothing is called {name!r}; {hint}")
