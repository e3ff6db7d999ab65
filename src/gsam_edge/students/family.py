"""Interface of a family of students, and the types of its inputs and outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from gsam_edge.training.run import Run
from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from torch import nn

    from gsam_edge.students.choice import StudentChoice
    from gsam_edge.students.images import LabelledImages
    from gsam_edge.students.maps import WeightedLosses
    from gsam_edge.students.pruning import Pruning, PruningConfig
    from gsam_edge.students.start import Start, Transfer
    from gsam_edge.students.weights import StudentWeights


@dataclass(frozen=True)
class Architecture:
    """Properties of an architecture that are known without building a network.

    Attributes:
        task: the kind of its outputs, a name of `runtime.tasks.table.TASKS`.
        learns_from: "boxes", "masks" or both; the first of them that learns from exactly what the data holds is chosen.
        masks: whether it outputs masks.
        sizes: its compound scalings, smallest first; empty for one that has a single size.
        stride: side of its coarsest cell in pixels, of which the image size is a multiple.
        pretrained: name of a file of pretrained weights, by its makers, that give all or most of it; `{size}` stands
            for the scaling; empty where there is none.
    """

    task: str
    learns_from: frozenset[str]
    masks: bool
    sizes: tuple[str, ...]
    stride: int
    pretrained: str


@dataclass(frozen=True)
class StudentValidation:
    """Result of a student's validation.

    Attributes:
        fitness: decides which weights are kept, higher is better.
        metrics: metrics to log, by name.
    """

    fitness: float
    metrics: Mapping[str, float]


#: Scores a student that takes an image, uint8 RGB [H, W, 3], with score threshold 0.
Validate: TypeAlias = Callable[[Callable[[NDArray[np.uint8]], Detections]], StudentValidation]


@dataclass(frozen=True)
class StudentTraining:
    """A trained student with facts about its training.

    Attributes:
        weights: the best weights.
        history: one mapping per validation: `step`, the mean losses since the one before, `train_...` and `pseudo_...`
            (those of images whose labels no person gave), metrics `val_...`, `learning_rate`.
        transfer: what was taken over from the weights that the training started from.
        without_area: labelled objects left out because their box has no area.
    """

    weights: "StudentWeights"
    history: list[dict[str, float]]
    transfer: "Transfer"
    without_area: int


Config = TypeVar("Config", bound=BaseModel)


@runtime_checkable
class StudentFamily(Protocol[Config]):
    """Architectures that share the code that builds and trains them.

    Attributes:
        architectures: by name; the names are those of `student.architecture`.
        config: class of the training's parameters.
    """

    architectures: Mapping[str, Any]
    config: type[Config]

    def train(
        self,
        data: "LabelledImages",
        choice: "StudentChoice",
        config: Config,
        *,
        losses: "WeightedLosses",
        pseudo_weight: float,
        initial: "Start | None",
        validate: Validate | None,
        run: Run,
    ) -> StudentTraining:
        """Trains a student of the chosen architecture.

        Args:
            data: training images with labels.
            choice: architecture, size and input, as `choose_student` gives it.
            config: schedule and gains of the family's own losses.
            losses: distillation losses; empty where only the labels are learnt.
            pseudo_weight: weight of the family's own loss on the images `data.pseudo`, beside 1 for the others.
            initial: weights to start from as far as they fit, or None for random ones.
            validate: decides which weights are the best; without it the last ones are.
            run: its log receives `student/train_...`, `student/pseudo_...`, `student/val_...` at each validation; its
                seed is that of all random draws.

        Raises:
            InvalidDatasetError: if the labels hold no object, or no person gave those of any image.
            ValueError: if they hold unknown classes.
            TrainingError: if the loss becomes NaN or infinite, or a batch does not fit into memory.
        """
        ...

    def prune(
        self,
        data: "LabelledImages",
        weights: "StudentWeights",
        config: "PruningConfig",
        training: Config,
        *,
        run: Run,
    ) -> "Pruning":
        """Takes the least important channels out of a student, which is not trained any further.

        Args:
            data: images and labels by whose loss a channel's importance is found.
            weights: the student.
            config: what it may cost, and how its channels are chosen.
            training: batches, augmentation and gains of the losses, as `train` reads them; its schedule is not read.
            run: where it runs; its seed is that of the batches.

        Raises:
            StudentWeightsError: if the tensors are not those of the architecture.
            InvalidDatasetError: if the labels hold no object.
        """
        ...

    def module(self, weights: "StudentWeights") -> "nn.Module":
        """Builds the module to export: `forward(images)` returns the tuple of its task's outputs; all shapes are fixed.

        Raises:
            StudentWeightsError: if the tensors are not those of the architecture.
        """
        ...
