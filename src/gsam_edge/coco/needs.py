"""Whether the data calls for something, and the empty value of what it does not call for."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import TypeIs

NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Need:
    """Whether something takes part.

    Attributes:
        needed: whether it does.
        why: the reason, in a clause.
    """

    needed: bool
    why: str


def not_needed(why: str) -> dict[str, str]:
    """The value that stands in the graph for a teacher, an adapter or a report that the data does not call for."""
    return {"status": NOT_NEEDED, "why": why}


def is_not_needed(value: Any) -> TypeIs[dict[str, str]]:
    """Whether a value is the empty one of `not_needed`."""
    return isinstance(value, dict) and value.get("status") == NOT_NEEDED
