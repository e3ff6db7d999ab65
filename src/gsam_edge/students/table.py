"""The families of students, and their architectures by name."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from gsam_edge.students.family import Architecture, StudentFamily
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.family import Ultralytics

FAMILIES: Mapping[str, StudentFamily[Any]] = {"ultralytics": Ultralytics()}

#: The parameters of a training: the union of what the families take.
TrainingConfig: TypeAlias = StudentTrainingConfig

#: In the order in which the data is asked which of them it calls for.
ARCHITECTURES: Mapping[str, Architecture] = {
    name: architecture for family in FAMILIES.values() for name, architecture in family.architectures.items()
}


def family_of(architecture: str) -> StudentFamily[Any]:
    """The family of an architecture, which is one of `ARCHITECTURES`."""
    return next(family for family in FAMILIES.values() if architecture in family.architectures)
