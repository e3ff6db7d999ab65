"""Which channels of a network depend on each other: what must leave together when a channel leaves.

As in DepGraph (arXiv:2301.12900), but channel by channel and found by watching one forward pass: each channel of each
tensor carries a number, every operation hands the numbers on, and where an operation needs two channels to be alike
(an addition, a depthwise convolution), their numbers become one. What is not understood (attention, reshaping, a split
into fixed sizes) keeps all its channels: so a network is pruned less, never wrongly.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gsam_edge.students.ultralytics.pruning.numbering import Numbering, Numbers, WatchedShape


class Axis(NamedTuple):
    """A dimension of one of the network's tensors, along which channels lie.

    Attributes:
        tensor: its name in the network's state.
        dimension: of the tensor, from 0.
    """

    tensor: str
    dimension: int


@dataclass(frozen=True)
class Convolution:
    """What a convolution costs.

    Attributes:
        weight: name of its weights.
        positions: how often each weight is multiplied for one image.
    """

    weight: str
    positions: int


@dataclass
class Channels:
    """The channels of a network by number; those of one number leave together or stay.

    Attributes:
        axes: the number of each index along an axis.
        making: axes, of those, whose slices make a channel: with all of them 0 the channel is 0, and can leave without
            any change.
        convolutions: in the order of the forward pass.
        fixed: numbers of channels that cannot leave.
        halves: per chunk of a tensor, the numbers of its parts [parts, channels]; as many channels must leave each.
    """

    axes: dict[Axis, Numbers] = field(default_factory=dict)
    making: set[Axis] = field(default_factory=set)
    convolutions: list[Convolution] = field(default_factory=list)
    fixed: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    halves: list[Numbers] = field(default_factory=list)

    @property
    def count(self) -> int:
        """One more than the largest number."""
        return 1 + max(int(numbers.max()) for numbers in self.axes.values())

    def multiplications(self, state: Mapping[str, Tensor]) -> int:
        """Multiplications of all convolutions for one image of the side that was passed; a FLOP count is twice that."""
        return sum(state[each.weight].numel() * each.positions for each in self.convolutions)


def find_channels(network: nn.Module, side: int) -> Channels:
    """Watches a forward pass and returns the network's channels.

    Args:
        network: from images [B, 3, S, S] to any tensors, on the CPU; it stays as it is.
        side: S of the images that are passed, pixels; small ones show the same channels.

    Raises:
        RuntimeError: if the network's layers do not fit together.
    """
    watched = copy.deepcopy(network).train()
    watch = _Watch({id(tensor): name for name, tensor in watched.state_dict(keep_vars=True).items()})
    with torch.no_grad(), watch:
        outputs = watched(torch.zeros(2, 3, side, side))
    return watch.finish(_tensors(outputs))


class _Watch(TorchFunctionMode):
    """Numbers the channels of all tensors [B, C, H, W] of a forward pass."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self._names = names
        self._numbering = Numbering()
        self._of: dict[int, tuple[Tensor, Numbers]] = {}  # by id; holding the tensor keeps its id its own
        self._fixed: list[Numbers] = []
        self._channels = Channels()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs the operation and hands the numbers on."""
        kwargs = kwargs or {}
        name = func.__name__
        answer = func(*args, **kwargs)
        if (func == _READ_SHAPE or name == "size") and id(args[0]) in self._of:
            if isinstance(answer, tuple):
                return WatchedShape(answer, on_channels=partial(self._fix, args[0]))
            self._fix(args[0])  # one number, which may be that of the channels
        if name in _UNCHANGED:
            self._hand_on(args[0], answer)
        elif name in _OPERATIONS:
            getattr(self, f"_{_OPERATIONS[name]}")(answer, *args, **kwargs)
        elif list(_tensors(answer)):
            self._fix(args, kwargs)
        return answer

    def finish(self, outputs: Iterator[Tensor]) -> Channels:
        """Returns what was found; the channels of the outputs stay."""
        self._fix(list(outputs))
        channels, now = self._channels, self._numbering.now
        axes = {axis: now(numbers) for axis, numbers in channels.axes.items()}
        used, numbers = np.unique(np.concatenate([*axes.values()]), return_inverse=True)
        ends = np.cumsum([len(each) for each in axes.values()])[:-1]
        channels.axes = dict(zip(axes, np.split(numbers, ends), strict=True))
        fixed = np.unique(now(np.concatenate([np.zeros(0, np.int64), *self._fixed])))
        channels.fixed = np.searchsorted(used, fixed[np.isin(fixed, used)])
        channels.halves = [np.searchsorted(used, now(parts)) for parts in channels.halves]
        return channels

    def _numbers(self, tensor: Tensor) -> Numbers:
        """Returns the numbers of a tensor's channels, dimension 1; those of an unknown tensor are new, and stay."""
        if id(tensor) not in self._of:
            self._set(tensor, self._numbering.new(tensor.shape[1]))
            self._fixed.append(self._of[id(tensor)][1])
        return self._of[id(tensor)][1]

    def _set(self, tensor: Tensor, numbers: Numbers) -> None:
        self._of[id(tensor)] = tensor, numbers

    def _hand_on(self, given: Tensor, answer: Tensor) -> None:
        if id(given) in self._of:
            self._set(answer, self._of[id(given)][1])

    def _fix(self, *values: Any) -> None:
        self._fixed += [self._of[id(tensor)][1] for tensor in _tensors(values) if id(tensor) in self._of]

    def _lie_along(self, tensor: Tensor | None, dimension: int, numbers: Numbers, *, made: bool) -> None:
        """Notes which channels lie along a dimension of a parameter or buffer."""
        if tensor is None:
            return
        axis = Axis(self._names[id(tensor)], dimension)
        if axis in self._channels.axes:  # one layer in two places
            self._numbering.join(self._channels.axes[axis], numbers)
        self._channels.axes.setdefault(axis, numbers)
        if made:
            self._channels.making.add(axis)

    def _convolve(
        self,
        answer: Tensor,
        images: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> None:
        given = self._numbers(images)
        if groups == 1:
            self._lie_along(weight, 1, given, made=False)
            made = self._numbering.new(len(weight))
        elif groups == len(given) == len(weight):  # each channel by itself
            made = given
        else:
            self._fixed.append(given)
            made = self._numbering.new(len(weight))
            self._fixed.append(made)
        self._lie_along(weight, 0, made, made=True)
        self._lie_along(bias, 0, made, made=True)
        self._set(answer, made)
        self._channels.convolutions.append(Convolution(self._names[id(weight)], answer.shape[2:].numel()))

    def _convolve_transposed(
        self,
        answer: Tensor,
        images: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> None:
        made = self._numbering.new(answer.shape[1])
        if groups == 1:
            self._lie_along(weight, 0, self._numbers(images), made=False)
            self._lie_along(weight, 1, made, made=True)
            self._lie_along(bias, 0, made, made=True)
        else:
            self._fixed += [self._numbers(images), made]
        self._set(answer, made)
        self._channels.convolutions.append(Convolution(self._names[id(weight)], images.shape[2:].numel()))

    def _normalise(
        self,
        answer: Tensor,
        images: Tensor,
        mean: Tensor,
        variance: Tensor,
        *,
        weight: Tensor,
        bias: Tensor,
        **_: Any,
    ) -> None:
        numbers = self._numbers(images)
        for tensor, made in ((weight, True), (bias, True), (mean, False), (variance, False)):
            self._lie_along(tensor, 0, numbers, made=made)
        self._set(answer, numbers)

    def _concatenate(self, answer: Tensor, tensors: Any, dim: int = 0) -> None:
        if dim != 1 or answer.dim() != 4:
            self._fix(tensors)
            return
        self._set(answer, np.concatenate([self._numbers(tensor) for tensor in tensors]))

    def _add(self, answer: Tensor, some: Any, others: Any) -> None:
        """Adds, or multiplies, channel by channel."""
        alike = [
            isinstance(each, Tensor) and each.dim() == 4 and each.shape[1] == answer.shape[1] for each in (some, others)
        ]
        if not all(alike):
            self._fix(some, others)
            return
        numbers = self._numbers(some)
        self._numbering.join(numbers, self._numbers(others))
        self._set(answer, numbers)

    def _chunk(self, answer: tuple[Tensor, ...], tensor: Tensor, chunks: int, dim: int = 0) -> None:
        """Parts of equal size, whatever the size: as many channels must leave each."""
        if dim != 1 or tensor.dim() != 4 or tensor.shape[1] % chunks:
            self._fix(tensor)
            return
        parts = self._numbers(tensor).reshape(chunks, -1)
        self._channels.halves.append(parts)
        for part, numbers in zip(answer, parts, strict=True):
            self._set(part, numbers)


_READ_SHAPE = Tensor.shape.__get__  # type: ignore[attr-defined]
#: Operations on each channel by itself that leave one of zeros as it is.
_UNCHANGED = frozenset(
    (
        "silu",
        "relu",
        "leaky_relu",
        "hardswish",
        "gelu",
        "mish",
        "max_pool2d",
        "_max_pool2d",
        "avg_pool2d",
        "interpolate",
        "detach",
    )
)
_OPERATIONS: Mapping[str, str] = {
    "conv2d": "convolve",
    "conv_transpose2d": "convolve_transposed",
    "batch_norm": "normalise",
    "cat": "concatenate",
    "concat": "concatenate",
    "add": "add",
    "mul": "add",
    "chunk": "chunk",
}


def _tensors(values: Any) -> Iterator[Tensor]:
    """Yields the tensors in nested mappings and sequences."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, Mapping):
        yield from _tensors(list(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)
