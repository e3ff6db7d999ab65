"""Networks whose layers are narrower than their architecture's."""

from collections.abc import Mapping

from torch import Tensor, nn

from gsam_edge.students.choice import Widths
from gsam_edge.students.weights import StudentWeightsError


def set_widths(network: nn.Module, widths: Widths) -> None:
    """Narrows layers in place; each keeps the weights of its first channels.

    Args:
        network: as its architecture defines it.
        widths: by name of a convolution or batch normalisation, its channels in and out.

    Raises:
        StudentWeightsError: if there is no such layer, or it has fewer channels.
    """
    layers = dict(network.named_modules())
    for name, (inputs, outputs) in widths.items():
        layer = layers.get(name)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            had = layer.in_channels, layer.out_channels
        elif isinstance(layer, nn.BatchNorm2d):
            had = layer.num_features, layer.num_features
        else:
            raise StudentWeightsError(f"student weights: widths: expected names of its convolutions, got {name!r}")
        alike = isinstance(layer, nn.BatchNorm2d) or layer.groups > 1  # as many channels out as in
        if not (0 < inputs <= had[0] and 0 < outputs <= had[1]) or (alike and inputs != outputs):
            raise StudentWeightsError(
                f"student weights: widths: {name}: expected at most {had[0]} channels in and {had[1]} out"
                f"{', as many out as in' if alike else ''}, got {inputs} and {outputs}"
            )
        _narrow(layer, inputs, outputs)


def _narrow(layer: nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d, inputs: int, outputs: int) -> None:
    if isinstance(layer, nn.BatchNorm2d):
        layer.num_features = outputs
        for name in ("running_mean", "running_var"):
            setattr(layer, name, getattr(layer, name)[:outputs].clone())
        layer.weight = _first(layer.weight, outputs)
    else:
        depthwise = layer.groups > 1
        layer.in_channels, layer.out_channels, layer.groups = inputs, outputs, inputs if depthwise else 1
        first, second = (inputs, outputs) if isinstance(layer, nn.ConvTranspose2d) else (outputs, inputs)
        layer.weight = _first(layer.weight, first, 1 if depthwise else second)
    if layer.bias is not None:
        layer.bias = _first(layer.bias, outputs)


def _first(tensor: Tensor, *counts: int) -> nn.Parameter:
    """Returns the first of a parameter along its first dimensions."""
    kept = tensor.detach()[tuple(slice(count) for count in counts)].clone()
    return nn.Parameter(kept, requires_grad=tensor.requires_grad)


def widths_in(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, tuple[int, int]]:
    """Returns, of layers that are narrower in a state than in a network, the channels in and out, by name."""
    widths = {}
    for name, layer in network.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            had = layer.num_features, layer.num_features
            width = len(state[f"{name}.weight"]), len(state[f"{name}.weight"])
        elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            first, second = state[f"{name}.weight"].shape[:2]
            had = layer.in_channels, layer.out_channels
            width = (first, second) if isinstance(layer, nn.ConvTranspose2d) else (second, first)
            if layer.groups > 1:
                width = (first, first) if second == 1 else had
        else:
            continue
        if width != had:
            widths[name] = width
    return widths
