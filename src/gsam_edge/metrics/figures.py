"""What is measured of an artefact."""

from collections.abc import Mapping
from typing import Any


def same_device(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rows of `comparison_row` ran on the same kind of device, so that their times may be divided."""
    return bool(row["device"] == other["device"])
