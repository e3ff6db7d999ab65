"""Whether the data needs a teacher, and the empty value for what it does not need."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import TypeIs

NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Need:
    """Whether something is needed, and why.

    Attributes:
        needed: whether it is needed.
        why: the reason, in a clause.
    """

    needed: bool
    why: str


def not_needed(why: str) -> dict[str, str]:
    """Returns the value that the graph holds for a teacher, an adapter or a report that the data does not need."""
    return {"status": NOT_NEEDED, "why": why}


def is_not_needed(value: Any) -> TypeIs[dict[str, str]]:
    """Whether a value is the empty one of `not_needed`."""
    return isinstance(value, dict) and value.get("status") == NOT_NEEDED
