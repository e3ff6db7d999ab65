"""The family of Ultralytics' students."""

from typing import TYPE_CHECKING

from gsam_edge.students.family import StudentTraining, Validate
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.training.run import Run

if TYPE_CHECKING:
    from torch import nn

    from gsam_edge.students.choice import StudentChoice
    from gsam_edge.students.images import LabelledImages
    from gsam_edge.students.maps import WeightedLosses
    from gsam_edge.students.pruning import Pruning, PruningConfig
    from gsam_edge.students.start import Start
    from gsam_edge.students.weights import StudentWeights


class Ultralytics:
    """Ultralytics' detect and segment networks, trained with its trainer on images in memory; see `StudentFamily`."""

    architectures = ARCHITECTURES
    config = StudentTrainingConfig

    def train(
        self,
        data: "LabelledImages",
        choice: "StudentChoice",
        config: StudentTrainingConfig,
        *,
        losses: "WeightedLosses",
        pseudo_weight: float,
        initial: "Start | None",
        validate: Validate | None,
        run: Run,
    ) -> StudentTraining:
        """See `train.train_student`."""
        from gsam_edge.students.ultralytics.training.train import train_student

        return train_student(
            data,
            choice,
            config,
            losses=losses,
            pseudo_weight=pseudo_weight,
            initial=initial,
            validate=validate,
            run=run,
        )

    def prune(
        self,
        data: "LabelledImages",
        weights: "StudentWeights",
        config: "PruningConfig",
        training: StudentTrainingConfig,
        *,
        run: Run,
    ) -> "Pruning":
        """See `prune.prune_student`."""
        from gsam_edge.students.ultralytics.pruning.prune import prune_student

        return prune_student(data, weights, config, training, run=run)

    def module(self, weights: "StudentWeights") -> "nn.Module":
        """See `edge.EdgeStudent`."""
        from gsam_edge.students.ultralytics.edge import EdgeStudent

        return EdgeStudent(weights)
