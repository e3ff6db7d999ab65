"""The arms of a distillation: what is trained beside the distilled student, so that its gain is measured.

All arms have the same start, seed, steps, batches and augmentation. They differ in their labels alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

#: Where the labels of the images without a person's labels come from, in one stage of an arm. "none": these images are
#: not seen. "teacher": the teacher's, gated. "teacher_hard": all of the teacher's from `hard_threshold` on. "student":
#: those of the student of the first stage, gated. "handed_over": those of `hand_over`, gated.
Source: TypeAlias = Literal["none", "teacher", "teacher_hard", "student", "handed_over"]
#: An arm that can be trained beside the distilled one.
Control: TypeAlias = Literal["truth", "self_training", "hard_labels", "oracle"]

DISTILLED, TRUTH, SELF_TRAINING, ORACLE = "distilled", "truth", "self_training", "oracle"
#: The arms that a gain must beat: the same training without any further labels, and with labels of the student's own.
CONTROLS = (TRUTH, SELF_TRAINING)


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes:
        title: its name for people.
        stages: where the labels of the pool come from in its first and second stage.
        held_back: whether it sees the truth of the training images whose labels are held back.
        teacher_losses: whether it listens to the teacher by the losses of `distill.losses.LOSSES`, too.
    """

    title: str
    stages: tuple[Source, Source]
    held_back: bool = False
    teacher_losses: bool = False

    @property
    def reads_teacher(self) -> bool:
        """Whether labels of the teacher play a part."""
        return not {"none", "student"}.issuperset(self.stages)


#: In the order of the reports.
ARMS: Mapping[str, Arm] = {
    TRUTH: Arm("your labels alone", ("none", "none")),
    SELF_TRAINING: Arm("self-training", ("none", "student")),
    "hard_labels": Arm("hard labels", ("teacher_hard", "teacher_hard")),
    DISTILLED: Arm("distilled", ("teacher", "handed_over"), teacher_losses=True),
    ORACLE: Arm("all labels (oracle)", ("none", "none"), held_back=True),
}


def seeds_of(seeds: int | tuple[int, ...], first: int) -> tuple[int, ...]:
    """Returns the seeds to train with: those that are listed, or as many as asked for, from `first` on."""
    return tuple(range(first, first + seeds)) if isinstance(seeds, int) else seeds


def left_out(control: tuple[Control, ...], *, pool_images: int, held_back_images: int, listens: bool) -> dict[str, str]:
    """Returns the controls that would say nothing, each with the reason.

    Args:
        control: the arms asked for.
        pool_images: images without a label in use.
        held_back_images: those of them whose truth is known.
        listens: whether a loss of the teacher's is in use, so that it has a say without any pool.
    """
    reasons: dict[str, str] = {}
    for name in control:
        arm = ARMS[name]
        if arm.held_back and not held_back_images:
            reasons[name] = "no labels are held back (split.labels), so it would be the arm of your labels alone"
        elif not pool_images and not (listens and name == TRUTH):
            reasons[name] = "there is no image for anybody else to label (pool_report says why)"
    return reasons
