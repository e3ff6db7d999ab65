"""What a user can mend of a training."""

from gsam_edge.vision.errors import UserError


class TrainingError(UserError):
    """Training cannot go on or came to nothing: its loss is no number, a batch does not fit, or nothing was learnt."""


class SettingError(UserError):
    """A device that this machine lacks, or a seed or device that is none."""
