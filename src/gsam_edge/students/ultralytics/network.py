"""Builds networks by name from Ultralytics' definitions; never loads weights from other sources."""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import torch
from torch import Tensor

from gsam_edge.students.choice import Size, Widths
from gsam_edge.students.start import Start, Transfer, matching_rows
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.imports import ROOT, YAML, DetectionModel, Proto26, SegmentationModel
from gsam_edge.students.ultralytics.pruning.widths import set_widths
from gsam_edge.students.weights import StudentWeights, StudentWeightsError, full_precision

_IMAGE_CHANNELS = 3


def new_network(architecture: str, size: Size, num_classes: int, widths: Widths | None = None) -> Any:
    """Builds an Ultralytics model (a torch module) with random weights, drawn from PyTorch's generator.

    Args:
        architecture: one of `ARCHITECTURES`.
        size: compound scaling.
        num_classes: channels of the classification head.
        widths: of a pruned network.

    Raises:
        StudentWeightsError: if the architecture has no such layers, or fewer channels.
    """
    chosen = ARCHITECTURES[architecture]
    # By full path: Ultralytics would prefer a file of the same name in the working directory.
    definition = YAML.load(ROOT / "cfg" / "models" / chosen.file(size))
    definition |= {"scale": size, "yaml_file": PurePosixPath(chosen.definition.format(size=size)).name}
    model = SegmentationModel if chosen.masks else DetectionModel
    network = model(definition, ch=_IMAGE_CHANNELS, nc=num_classes, verbose=False)
    if isinstance(prototypes := getattr(network.model[-1], "proto", None), Proto26):
        prototypes.__class__ = _PrototypesAlone
        prototypes.semseg = None
    set_widths(network, widths or {})
    return network


class _PrototypesAlone(Proto26):  # type: ignore[misc]
    """YOLO26's prototypes without the classes of all pixels, which only its training says.

    They would teach that pixels of ignored objects, and of those without a mask, are background (adr 24).
    """

    def forward(self, x: list[Tensor], return_semantic: bool = False) -> Any:
        """See Ultralytics."""
        return super().forward(x, return_semantic)


def has_end_to_end(network: Any) -> bool:
    """Whether the network also has a branch that finds each object once (one2one), so that nothing is suppressed."""
    return getattr(network.model[-1], "one2one_cv2", None) is not None


def build_network(weights: StudentWeights) -> Any:
    """Builds the trained network in evaluation mode, float32, on the CPU.

    Raises:
        StudentWeightsError: if the tensors are not those of the architecture.
    """
    network = new_network(weights.architecture, weights.size, len(weights.class_names), weights.widths)
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    actual = {name: tensor.shape for name, tensor in weights.tensors.items()}
    if expected != actual:
        different = sorted(name for name in {*expected, *actual} if expected.get(name) != actual.get(name))
        raise StudentWeightsError(
            f"student weights: expected the {len(expected)} tensors of {weights.architecture} {weights.size} for "
            f"{len(weights.class_names)} classes, got {len(actual)}; {len(different)} differ, first {different[:3]}"
        )
    network.load_state_dict(full_precision(weights.tensors))
    if weights.widths:
        _require_fit(network, weights)
    return network.eval()


def _require_fit(network: Any, weights: StudentWeights) -> None:
    """Raises StudentWeightsError if a layer's channels are not those that the layer before gives."""
    side = 2 * ARCHITECTURES[weights.architecture].stride
    try:
        with torch.no_grad():  # on a copy: the head keeps what it makes of an image's size
            copy.deepcopy(network).eval()(torch.zeros(1, _IMAGE_CHANNELS, side, side))
    except RuntimeError as error:
        raise StudentWeightsError(f"student weights: widths: the layers do not fit together: {error}") from error


def start_from(network: Any, class_names: Sequence[str], start: Start | None) -> Transfer:
    """Loads what fits of trained weights, even of other classes or another architecture, into a network, in place.

    A tensor is taken over where name and shape are the same. Of the layers that end in the classes, each class takes
    over the rows of the class of the same name (see `matching_rows`), if all layers before them were taken over, which
    give the rows their meaning; the rows of the other classes stay random.

    Args:
        network: an Ultralytics model.
        class_names: its classes, by class id.
        start: the weights, or None, which leaves the network as it is.
    """
    target = network.state_dict()  # shares its memory with the network
    taken = {name: torch.zeros_like(tensor, dtype=torch.bool) for name, tensor in target.items()}
    if start is None:
        return _transfer(network, start, taken, ())
    branches = _class_branches(network)
    ends = {f"{branch}2.{kind}" for branch in branches for kind in ("weight", "bias")}
    for name, tensor in target.items():
        given = start.tensors.get(name)
        if name not in ends and given is not None and given.shape == tensor.shape:
            tensor.copy_(given)
            taken[name][...] = True
    rows = matching_rows(start.class_names, class_names)
    classes: set[int] = set()
    for branch in branches:
        before = [name for name in target if name.startswith(branch) and name not in ends]
        if not all(bool(taken[name].all()) for name in before):
            continue
        for name in (f"{branch}2.weight", f"{branch}2.bias"):
            given, tensor = start.tensors.get(name), target[name]
            if given is not None and given.shape == (len(start.class_names), *tensor.shape[1:]):
                for theirs, ours in rows:
                    tensor[ours] = given[theirs]
                    taken[name][ours] = True
                    classes.add(ours)
    return _transfer(network, start, taken, tuple(class_names[row] for row in sorted(classes)))


def _class_branches(network: Any) -> list[str]:
    """Returns the beginnings of the names of the branches that end in the classes, in their layer 2: one for each level
    ("model.22.cv3.0."), and of an end-to-end network two.
    """
    number, head = len(network.model) - 1, network.model[-1]
    kinds = ["cv3", "one2one_cv3"] if has_end_to_end(network) else ["cv3"]
    return [f"model.{number}.{kind}.{level}." for kind in kinds for level in range(head.nl)]


def _transfer(network: Any, start: Start | None, taken: Mapping[str, Tensor], classes: tuple[str, ...]) -> Transfer:
    """Counts what was taken over, over all and by layer."""
    backbone = len(network.yaml["backbone"])
    elements, filled = Counter[int](), Counter[int]()
    for name, there in taken.items():
        layer = int(name.split(".")[1])  # "model.<layer>. ..."
        elements[layer] += there.numel()
        filled[layer] += int(there.sum())
    return Transfer(
        start=start,
        tensors_taken=sum(bool(there.all()) for there in taken.values()),
        tensors=len(taken),
        share=filled.total() / elements.total(),
        backbone_share=sum(filled[layer] for layer in range(backbone))
        / sum(elements[layer] for layer in range(backbone)),
        classes=classes,
        random={
            f"{layer} {type(network.model[layer]).__name__}": 1 - filled[layer] / count
            for layer, count in elements.items()
            if filled[layer] < count
        },
    )
