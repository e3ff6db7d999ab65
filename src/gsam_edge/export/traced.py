"""The module that is traced: a student with what is read beside its answers."""

import torch
from torch import Tensor, nn

from gsam_edge.export.end_to_end import rows
from gsam_edge.export.stages import watched


class TracedStudent(nn.Module):
    """A student that also gives its answers in Ultralytics' layout, and the ends of its stages."""

    def __init__(self, student: nn.Module) -> None:
        """Wraps a student's module; see `export.format.StudentModule`."""
        super().__init__()
        self.student = student

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps images [B, 3, S, S] to Ultralytics' rows [B, N, 6], the student's outputs, and its stages' tensors."""
        with watched(self.student) as seen:
            answers = self.student(images)
        boxes, scores, class_ids = answers[:3]
        return (rows(boxes, scores, class_ids), *answers, *seen.values())


def example_outputs(student: nn.Module, images: Tensor) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """Returns a student's outputs for images, and the names of its stages' tensors in the order that tracing gives.

    Raises:
        ValueError: if the module's output is not a tuple.
    """
    with torch.no_grad(), watched(student) as seen:
        answers = student(images)
    if not isinstance(answers, tuple):
        raise ValueError(
            f"to_onnx: expected a module that gives the tuple of its outputs, got {type(answers).__name__}"
        )
    return answers, tuple(seen)
