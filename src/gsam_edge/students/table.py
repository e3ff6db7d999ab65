"""The families of students, and their architectures by name."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from gsam_edge.students.family import Architecture, StudentFamily
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.students.ultralytics.family import Ultralytics

FAMILIES: Mapping[str, StudentFamily[Any]] = {"ultralytics": Ultralytics()}

#: The parameters of a training: the union of the families' configs.
TrainingConfig: TypeAlias = StudentTrainingConfig

#: In the order in which `choose_student` tries them.
ARCHITECTURES: Mapping[str, Architecture] = {
    name: architecture for family in FAMILIES.values() for name, architecture in family.architectures.items()
}


def family_of(architecture: str) -> StudentFamily[Any]:
    """Returns the family of an architecture, which is one of `ARCHITECTURES`."""
    return next(family for family in FAMILIES.values() if architecture in family.architectures)
