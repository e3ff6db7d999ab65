"""The student's own loss, and the distillation losses of the plain images.

Shapes: see `students.maps`; B images of a batch, R bins of the predicted distance to a side of a box.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from gsam_edge.students.maps import PlainOutputs, WeightedLosses
from gsam_edge.students.ultralytics.plain.targets import BatchMaps

#: Ultralytics' form of a loss: raw outputs and a batch to its parts, times B, and items to log.
OwnLoss: TypeAlias = Callable[[Any, Mapping[str, Any]], tuple[Tensor, dict[str, Tensor]]]

#: Under which name the projector stands in the network while it is trained.
_PROJECTOR = "projector"


class PlainLosses:
    """Adds the distillation losses to a student's own loss."""

    def __init__(
        self, own: OwnLoss, network: Any, losses: WeightedLosses, maps: BatchMaps, progress: Callable[[], float]
    ) -> None:
        """Sets what is added up.

        Args:
            own: the student's own loss.
            network: the Ultralytics model, with a projector where the maps have features (`add_projector`).
            losses: the distillation losses.
            maps: the teachers' maps.
            progress: gives the share of the training that is done, 0..1.
        """
        self._own = own
        self._network = network
        self._losses = losses
        self._maps = maps
        self._progress = progress

    def __call__(self, preds: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the parts of the loss, each times B as Ultralytics' are, and the items to log.

        Args:
            preds: the network's raw outputs. Of a head with two branches the one that many anchors of an object are
                assigned to is taught: dense scores would make the other one find each object several times.
            batch: see `BatchMaps.targets`.
        """
        total, items = self._own(preds, batch)
        raw = preds.get("one2many", preds)
        images = len(batch["plain"])
        plain = torch.tensor([number for number in range(images) if batch["plain"][number]], device=total.device)
        added = {f"{name}_loss": total.new_zeros(()) for name in self._losses}
        if len(plain):
            outputs = self._outputs(raw, plain)
            levels_hw = [(level.shape[2], level.shape[3]) for level in raw["feats"]]
            targets = self._maps.targets(batch, levels_hw, self._progress())
            added = {f"{name}_loss": weight * loss(outputs, targets) for name, (weight, loss) in self._losses.items()}
        total = torch.cat([total, *(value[None] * images for value in added.values())])
        return total, items | {name: value.detach() for name, value in added.items()}

    def _outputs(self, raw: Mapping[str, Any], plain: Tensor) -> PlainOutputs:
        """Returns the outputs of the images `plain`, int64 [P]."""
        head = self._network.model[-1]
        features = [level[plain].float() for level in raw["feats"]]
        strides = [float(stride) for stride in head.stride]
        levels_hw = [(level.shape[2], level.shape[3]) for level in features]
        anchors, steps = anchor_places(levels_hw, strides, plain.device)
        distances = _distances(raw["boxes"][plain].float(), head.reg_max) * steps  # [P, A, 4]
        projector = getattr(self._network, _PROJECTOR, None)
        prototypes = raw.get("proto")
        if isinstance(prototypes, tuple):  # of a head that segments the whole image, too
            prototypes = prototypes[0]
        coefficients = raw.get("mask_coefficient")
        return PlainOutputs(
            class_logits=raw["scores"][plain].transpose(1, 2).float(),
            boxes=torch.cat([anchors - distances[..., :2], anchors + distances[..., 2:]], -1),
            anchors=anchors,
            levels=tuple(height * width for height, width in levels_hw),
            features=None if projector is None else _projected(projector, features),
            mask_coefficients=None if coefficients is None else coefficients[plain].transpose(1, 2).float(),
            prototypes=None if prototypes is None else prototypes[plain].float(),
        )


def anchor_places(
    levels_hw: Sequence[tuple[int, int]], strides: Sequence[float], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Returns the anchors' places (x, y) [A, 2] and strides [A, 1], as fractions of the square canvas.

    Args:
        levels_hw: lines and columns of each level.
        strides: of each level, in pixels.
        device: of the result.
    """
    side = levels_hw[0][0] * strides[0]
    places, steps = [], []
    for (height, width), stride in zip(levels_hw, strides, strict=True):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        places.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride / side)
        steps.append(torch.full((height * width, 1), stride / side))
    return torch.cat(places).to(device), torch.cat(steps).to(device)


def _distances(raw: Tensor, bins: int) -> Tensor:
    """Returns distances [P, A, 4] to the sides of the boxes in strides, from raw outputs [P, 4 R, A].

    With several bins they are the means of distributions (DFL, Li et al. 2020, arXiv:2006.04388).
    """
    images, _, anchors = raw.shape
    if bins == 1:
        return raw.transpose(1, 2)
    mean = torch.einsum("pkra,r->pka", raw.reshape(images, 4, bins, anchors).softmax(2), torch.arange(bins).to(raw))
    return mean.transpose(1, 2)


def _projected(projector: nn.ModuleList, features: Sequence[Tensor]) -> Tensor:
    """Returns the head's inputs [P, c, h, w] of each level as features [P, A, D]."""
    return torch.cat([one(level).flatten(2) for one, level in zip(projector, features, strict=True)], 2).transpose(1, 2)


def add_projector(network: Any, channels: int) -> None:
    """Adds to a network, in place, a 1x1 convolution for each input of its head.

    The optimiser, the average of the weights and the checkpoints find them as a part of the network, whose outputs do
    not depend on them; `without_projector` leaves them out of what is shipped.

    Args:
        network: the Ultralytics model.
        channels: D, of the teacher's features. The weights are drawn from PyTorch's generator.
    """
    head = network.model[-1]
    inputs = [branch[0].conv.in_channels for branch in head.cv2]
    network.add_module(_PROJECTOR, nn.ModuleList(nn.Conv2d(width, channels, kernel_size=1) for width in inputs))


def without_projector(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns a network's tensors by name but for those of the projector."""
    return {name: tensor for name, tensor in state.items() if not name.startswith(f"{_PROJECTOR}.")}
