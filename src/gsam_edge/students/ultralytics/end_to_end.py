"""The loss of networks that end in two branches: YOLOv10 and YOLO26.

One branch may find an object several times (one2many) and teaches the layers before it; the other finds it once
(one2one), is taught alone, and is the one that is exported (YOLOv10, arXiv:2405.14458, section 3.1).
"""

from collections.abc import Callable
from typing import Any

from gsam_edge.students.ultralytics.imports import E2ELoss
from gsam_edge.students.ultralytics.network import has_end_to_end


class EndToEndLoss(E2ELoss):  # type: ignore[misc]
    """Ultralytics' end-to-end loss around a loss of ours: the weighted sum of that of each branch.

    The share of the branch that finds objects once grows from 0.2 in the first epoch to 0.9 in the last.
    """

    def start_epoch(self, epoch: int) -> None:
        """Sets the shares for an epoch, from 0; they follow from its number alone, so that a run can continue."""
        self.updates = epoch - 1
        self.update()


def own_loss(network: Any, loss: Callable[..., Any]) -> Any:
    """Returns a network's loss: of its one branch, or of both branches of an end-to-end network.

    Args:
        network: an Ultralytics model, with its `args`.
        loss: builds the loss of one branch from the network and Ultralytics' options of its assigner.
    """
    return EndToEndLoss(network, loss) if has_end_to_end(network) else loss(network)
