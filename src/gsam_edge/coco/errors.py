"""The one exception of this room."""


class DatasetError(ValueError):
    """A dataset that cannot be used; the message says what was expected, what arrived and where."""
