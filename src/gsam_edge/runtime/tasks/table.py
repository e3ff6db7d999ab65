"""The table of tasks, and checks of a student's inputs and outputs."""

from collections.abc import Mapping, Sequence

from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.tasks.detect import Detect
from gsam_edge.runtime.tasks.task import Task
from gsam_edge.runtime.tensors import InputTensor

TASKS: Mapping[str, Task] = {"detect": Detect()}

#: The one input of every student.
INPUT_NAME = "images"

#: What a file may hold beside its answers: the same in the layout of Ultralytics, for its `YOLO()`; no engine reads it.
ROWS_NAME, PROTOTYPES_NAME = "output0", "output1"


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


def input_fault(inputs: Sequence[InputTensor], card: Card) -> str | None:
    """Returns why an artefact with these inputs is not prompt-free, or not of its card; None if nothing is wrong.

    Args:
        inputs: everything that can be fed to the artefact, also what has a default.
        card: its metadata; `image_size` is S.
    """
    names = [tensor.name for tensor in inputs]
    if names != [INPUT_NAME]:
        return f"expected exactly one input, {INPUT_NAME!r}, got {names}"
    (tensor,) = inputs
    side = card.image_size
    if tensor.dtype == "float32" and tensor.shape in ((1, 3, side, side), (None, 3, side, side)):
        return None
    return f"input {INPUT_NAME!r}: expected float32 [1 or any, 3, {side}, {side}] by the card, got {tensor}"


def interface_fault(card: Card, inputs: Sequence[InputTensor], outputs: Sequence[str]) -> str | None:
    """Returns why an artefact with these tensors is not a prompt-free student; None if it is one.

    Args:
        card: its metadata.
        inputs: everything that can be fed to the artefact, also what has a default.
        outputs: names of its outputs, in order; those for Ultralytics may stand among them.

    Raises:
        ArtefactError: see `task_of`.
    """
    allowed = task_of(card).outputs(card)
    outputs = answers_among(outputs)
    if fault := input_fault(inputs, card):
        return fault
    return None if outputs in allowed else f"expected the outputs {_either(allowed)}, got {list(outputs)}"


def answers_among(outputs: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of outputs without those that only Ultralytics reads."""
    return tuple(name for name in outputs if name not in {ROWS_NAME, PROTOTYPES_NAME})


def _either(allowed: Sequence[Sequence[str]]) -> str:
    return " or ".join(str(list(names)) for names in allowed)
