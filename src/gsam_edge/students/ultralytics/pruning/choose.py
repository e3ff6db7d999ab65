"""Chooses the channels that leave, by what each is worth and what it costs."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.students.pruning import PruningConfig
from gsam_edge.students.ultralytics.pruning.channels import Axis, Channels
from gsam_edge.students.ultralytics.pruning.numbering import Numbers


@dataclass(frozen=True)
class _Groups:
    """Channels in groups: those of a group lie along the same axes, so that one can take another's place.

    Attributes:
        members: the numbers of each group's channels.
        times: [groups, axes], how often a channel of the group lies along each axis.
        costs: by convolution, what a channel in times a channel out costs; for all of them a weight's positions, or 1.
        made, used: by convolution, the axis of its channels out and in; `used` is -1 for a depthwise one.
        lengths: channels along each axis.
    """

    members: list[Numbers]
    times: NDArray[np.int64]
    costs: NDArray[np.float64]
    made: NDArray[np.int64]
    used: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @cached_property
    def _out(self) -> NDArray[np.int64]:
        return self.times[:, self.made]

    @cached_property
    def _in(self) -> NDArray[np.int64]:
        return np.where(self.used >= 0, self.times[:, self.used], 0)

    def cost(self, gone: NDArray[np.int64]) -> float:
        """Cost of what is left where so many channels of each group are gone."""
        out, given = self._left(gone)
        return float((self.costs * out * given).sum())

    def keep(self, gone: NDArray[np.int64], counts: NDArray[np.int64], least: NDArray[np.int64]) -> NDArray[np.bool_]:
        """By group, whether `least` channels stay along each of its axes if `counts` more of its channels leave."""
        left = self.lengths - gone @ self.times
        enough = (left - counts[:, None] * self.times >= least) | (self.times == 0)
        return np.asarray(np.all(enough, axis=1), np.bool_)

    def savings(self, gone: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """By group, what is saved if `counts` more of its channels leave."""
        out, given = self._left(gone)
        less_out = out - counts[:, None] * self._out
        less_in = given - counts[:, None] * self._in
        return (self.costs * (out * given - less_out * less_in)).sum(axis=1)

    def _left(self, gone: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        left = self.lengths - gone @ self.times
        return left[self.made], np.where(self.used >= 0, left[self.used], 1)


def joined_halves(channels: Channels, importance: NDArray[np.float64]) -> Numbers:
    """Returns for each number a new one, so that as many channels leave each part of a chunk.

    The least important channel of one part leaves with the least important of the other, and so on.
    """
    same = np.arange(channels.count)
    for parts in channels.halves:
        worth = importance[parts]
        ranked = [same[part[np.argsort(of_part, kind="stable")]] for part, of_part in zip(parts, worth, strict=True)]
        for others in ranked[1:]:
            for one, other in zip(ranked[0], others, strict=True):
                same[same == same[other]] = same[one]
    return same


def least_widths(channels: Channels, config: PruningConfig) -> dict[Axis, int]:
    """Returns how many channels stay along each axis of a student that is not pruned yet, whatever the rounds."""
    return {axis: math.ceil(config.least_width * len(numbers)) for axis, numbers in channels.axes.items()}


def choose_leaving(
    channels: Channels,
    state: Mapping[str, Tensor],
    importance: NDArray[np.float64],
    config: PruningConfig,
    *,
    least: Mapping[Axis, int],
    left: float,
) -> NDArray[np.bool_]:
    """Returns which channels leave, by number.

    Blocks of `multiple_of` channels of one group leave, first those whose importance is smallest for what they save,
    until the share `left` of the cost is reached or nothing may leave any more.

    Args:
        channels: of the network.
        state: its tensors.
        importance: of each channel, by number; 0 and above.
        config: what is counted as cost, and in which blocks channels leave.
        least: channels that stay along each axis (`least_widths`).
        left: share of the cost to keep, 0..1.
    """
    same = joined_halves(channels, importance)
    worth = np.bincount(same, importance, minlength=len(same))
    groups = _group(channels, same, state, config)
    ranked = [members[np.argsort(worth[members], kind="stable")] for members in groups.members]
    sums = [np.concatenate([[0.0], np.cumsum(worth[members])]) for members in ranked]
    sizes = np.array([len(members) for members in ranked])
    floor = np.array([least[axis] for axis in channels.axes])
    gone = np.zeros(len(ranked), np.int64)
    goal = left * groups.cost(gone)
    while groups.cost(gone) > goal:
        # the first block makes what stays a multiple
        counts = (sizes - gone - 1) % config.multiple_of + 1
        may = np.flatnonzero((sizes - gone - counts >= config.multiple_of) & groups.keep(gone, counts, floor))
        if not len(may):
            break
        saved = groups.savings(gone, counts)[may]
        lost = np.array([sums[group][gone[group] + counts[group]] - sums[group][gone[group]] for group in may])
        best = may[np.argmin(lost / np.maximum(saved, 1e-12))]
        gone[best] += counts[best]
    leaving = np.zeros(channels.count, bool)
    for members, count in zip(ranked, gone, strict=True):
        leaving[members[:count]] = True
    return leaving[same]


def _group(channels: Channels, same: Numbers, state: Mapping[str, Tensor], config: PruningConfig) -> _Groups:
    """Returns the channels that may leave, in groups."""
    number_of = {axis: row for row, axis in enumerate(channels.axes)}
    times = np.stack([np.bincount(same[numbers], minlength=len(same)) for numbers in channels.axes.values()], axis=1)
    stays = np.zeros(len(same), bool)
    stays[same[channels.fixed]] = True
    alike = defaultdict(list)
    for number in np.flatnonzero(times.any(axis=1) & ~stays):
        alike[times[number].tobytes()].append(number)
    members = [np.array(numbers) for numbers in alike.values()]
    costs, made, used = [], [], []
    for each in channels.convolutions:
        weight = state[each.weight]
        out, given = (axis if axis in number_of else None for axis in _out_and_in(each.weight, channels))
        kernel = weight.shape[2:].numel()
        kernel *= weight.shape[1] if given is None else 1
        costs.append(kernel * (each.positions if config.of == "flops" else 1))
        made.append(-1 if out is None else number_of[out])
        used.append(-1 if given is None else number_of[given])
    known = [row for row, axis in enumerate(made) if axis >= 0]
    return _Groups(
        members,
        np.stack([times[numbers[0]] for numbers in members]) if members else np.zeros((0, len(number_of)), np.int64),
        np.array(costs, np.float64)[known],
        np.array(made)[known],
        np.array(used)[known],
        np.array([len(numbers) for numbers in channels.axes.values()]),
    )


def _out_and_in(weight: str, channels: Channels) -> tuple[Axis, Axis]:
    """Returns the axes of a convolution's channels out and in; that of a depthwise one's channels in is not there."""
    first, second = Axis(weight, 0), Axis(weight, 1)
    return (second, first) if second in channels.making else (first, second)
