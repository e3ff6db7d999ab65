"""Errors of training that a user can fix."""

from gsam_edge.vision.errors import UserError


class TrainingError(UserError):
    """Training failed: the loss is not finite, a batch does not fit into memory, or nothing was learnt."""


class SettingError(UserError):
    """A device that this machine lacks, an invalid seed or device name, or another setting that cannot be kept."""


class BusyError(UserError):
    """Another process does the same work at this moment."""


class WorkerError(UserError):
    """Processes that share the work ended before it was done, or one of them met an error that a user can fix."""
