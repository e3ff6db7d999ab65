"""The empty value of what the data does not call for, with its reason."""

from typing import Any, TypeGuard

NOT_NEEDED = "not needed"


def not_needed(why: str) -> dict[str, str]:
    """The value that stands in the graph for a teacher, an adapter or a report that the data does not call for."""
    return {"status": NOT_NEEDED, "why": why}


def is_not_needed(value: Any) -> TypeGuard[dict[str, str]]:
    """Whether a value is the empty one of `not_needed`."""
    return isinstance(value, dict) and value.get("status") == NOT_NEEDED
