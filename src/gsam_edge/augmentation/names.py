"""Messages about names that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches

from gsam_edge.vision.errors import UserError


class AugmentationError(UserError, ValueError):
    """A word or a rule that nobody knows or that albumentations refuses; pydantic's validators need the ValueError."""


def check_known(name: str, known: Iterable[str], what: str) -> None:
    """Refuses a name that is not among the known ones.

    Raises:
        AugmentationError: saying `what` was expected, what arrived, and the nearest valid name or, where none is near,
            all.
    """
    choices = sorted(known)
    if name in choices:
        return
    near = get_close_matches(name, choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(choices) or 'none'}"
    raise AugmentationError(f"{what}: nothing is called {name!r}; {hint}")
