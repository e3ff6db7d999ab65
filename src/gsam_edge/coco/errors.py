"""The error for datasets that cannot be used."""

from gsam_edge.vision.errors import UserError


class InvalidDatasetError(UserError):
    """A dataset that cannot be used; the message says what was expected, what arrived and where."""
