"""Builds networks by name from Ultralytics' definitions; never loads weights from other sources."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from gsam_edge.students.choice import Size
from gsam_edge.students.family import Transfer
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.imports import ROOT, YAML, DetectionModel, SegmentationModel
from gsam_edge.students.weights import StudentWeights, StudentWeightsError, full_precision, transferable

_IMAGE_CHANNELS = 3


def new_network(architecture: str, size: Size, num_classes: int) -> Any:
    """Builds an Ultralytics model (a torch module) with random weights, drawn from PyTorch's generator.

    Args:
        architecture: one of `ARCHITECTURES`.
        size: compound scaling.
        num_classes: channels of the classification head.
    """
    chosen = ARCHITECTURES[architecture]
    # By full path: Ultralytics would prefer a file of the same name in the working directory.
    definition = YAML.load(ROOT / "cfg" / "models" / chosen.definition.format(size=""))
    definition |= {"scale": size, "yaml_file": PurePosixPath(chosen.definition.format(size=size)).name}
    model = SegmentationModel if chosen.masks else DetectionModel
    return model(definition, ch=_IMAGE_CHANNELS, nc=num_classes, verbose=False)


def build_network(weights: StudentWeights) -> Any:
    """Builds the trained network in evaluation mode, float32, on the CPU.

    Raises:
        StudentWeightsError: if the tensors are not those of the architecture.
    """
    network = new_network(weights.architecture, weights.size, len(weights.class_names))
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    actual = {name: tensor.shape for name, tensor in weights.tensors.items()}
    if expected != actual:
        different = sorted(name for name in {*expected, *actual} if expected.get(name) != actual.get(name))
        raise StudentWeightsError(
            f"student weights: expected the {len(expected)} tensors of {weights.architecture} {weights.size} for "
            f"{len(weights.class_names)} classes, got {len(actual)}; {len(different)} differ, first {different[:3]}"
        )
    network.load_state_dict(full_precision(weights.tensors))
    return network.eval()


def start_from(network: Any, class_names: Sequence[str], initial: StudentWeights) -> Transfer:
    """Loads the tensors of another student that fit (even of other classes or architecture) into a network, in place.

    The classification layers are loaded only if both students have the same classes in the same order.
    """
    target = network.state_dict()
    fitting = transferable(initial.tensors, target)
    if initial.class_names != tuple(class_names):
        head = len(network.model) - 1
        class_layers = tuple(f"model.{head}.cv3.{level}.2." for level in range(network.model[head].nl))
        fitting = {name: tensor for name, tensor in fitting.items() if not name.startswith(class_layers)}
    network.load_state_dict(fitting, strict=False)
    return Transfer(len(fitting), len(target))
