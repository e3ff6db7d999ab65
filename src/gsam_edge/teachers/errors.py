"""Errors of the teachers that a user can fix."""

from gsam_edge.vision.errors import UserError


class BaseModelError(UserError):
    """A base model that is damaged, incomplete or of another architecture."""


class AdapterError(UserError):
    """An adapter that is damaged or of another base, whose targets match no layer, or whose weights diverged."""


class ClassMatchError(UserError):
    """Classes of a teacher's weights and of the data that have nothing in common, or names that neither has."""


class ClassNameError(UserError):
    """A class name that a teacher's text encoder cannot read, or that is the same as another one to it."""


class UselessTeacherError(UserError):
    """A teacher, or labels of one, below the floor from which a student can learn from it."""
