"""The table of tasks, and checks of a student's inputs and outputs."""

from collections.abc import Mapping, Sequence

from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.tasks.detect import Detect
from gsam_edge.runtime.tasks.task import Task

TASKS: Mapping[str, Task] = {"detect": Detect()}

#: The one input of every student.
INPUT_NAME = "images"


def task_of(card: Card) -> Task:
    """Returns the task of a student.

    Raises:
        ArtefactError: if this version does not have it.
    """
    if card.task not in TASKS:
        raise ArtefactError(f"metadata task: expected one of {sorted(TASKS)}, got {card.task!r}")
    return TASKS[card.task]


def output_names(card: Card, count: int) -> tuple[str, ...]:
    """Returns the names of a student's outputs by their number.

    Raises:
        ArtefactError: see `task_of`.
        ValueError: if no student of this task has so many outputs.
    """
    allowed = task_of(card).outputs(card)
    for names in allowed:
        if len(names) == count:
            return names
    raise ValueError(f"expected a module that gives the tuple {_either(allowed)}, got {count} outputs")


def input_fault(inputs: Sequence[str]) -> str | None:
    """Returns why an artefact with these inputs is not prompt-free; None if it is."""
    return None if list(inputs) == [INPUT_NAME] else f"expected exactly one input, {INPUT_NAME!r}, got {list(inputs)}"


def interface_fault(card: Card, inputs: Sequence[str], outputs: Sequence[str]) -> str | None:
    """Returns why an artefact with these tensors is not a prompt-free student; None if it is one.

    Args:
        card: its metadata.
        inputs: names of everything that must be fed to the artefact.
        outputs: names of its outputs, in order.

    Raises:
        ArtefactError: see `task_of`.
    """
    allowed = task_of(card).outputs(card)
    if tuple(outputs) not in allowed:
        return input_fault(inputs) or f"expected the outputs {_either(allowed)}, got {list(outputs)}"
    return input_fault(inputs)


def _either(allowed: Sequence[Sequence[str]]) -> str:
    return " or ".join(str(list(names)) for names in allowed)
