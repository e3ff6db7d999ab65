"""The report of the distillation, as JSON values."""

from collections.abc import Mapping
from typing import Any

from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.family import StudentTraining


def distillation_report(
    choice: StudentChoice,
    training: StudentTraining,
    figures: Mapping[str, float],
    *,
    loss_weights: Mapping[str, float],
    seed: int,
) -> dict[str, Any]:
    """Reports how the student was trained and its metrics on the validation split.

    Returns:
        `student` {architecture, why, size, image_size, parameters, start}, see `Transfer.report` for the start;
        `seeds`; `full` by figure as {mean}, without an interval as long as one seed was trained; `labels`
        {without_area}, labelled objects left out; `loss_weights` of the distillation; `losses` at the end; `steps`;
        `verdict`. `control` is absent as long as no control is trained.
    """
    weights, last = training.weights, training.history[-1]
    return {
        "student": {
            "architecture": choice.architecture,
            "why": choice.why,
            "size": weights.size,
            "image_size": weights.image_size,
            "parameters": sum(tensor.numel() for tensor in weights.tensors.values()),
            "start": training.transfer.report(),
        },
        "seeds": [seed],
        "full": {name: {"mean": value} for name, value in figures.items()},
        "labels": {"without_area": training.without_area},
        "loss_weights": dict(loss_weights),
        "losses": {name: value for name, value in last.items() if name.startswith(("train_", "pseudo_"))},
        "steps": int(last["step"]),
        "verdict": "no control without the teacher was trained, so the teacher's share in these figures is not known",
    }
