"""The numbers that channels carry through a forward pass."""

from collections.abc import Callable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]


class Numbering:
    """Numbers that can become one (union-find)."""

    def __init__(self) -> None:
        self._same: list[int] = []

    def new(self, count: int) -> Numbers:
        """Returns numbers that were not there before, [count]."""
        first = len(self._same)
        self._same.extend(range(first, first + count))
        return np.arange(first, first + count)

    def of(self, number: int) -> int:
        """Returns the number that stands for all that are the same."""
        while self._same[number] != number:
            self._same[number] = self._same[self._same[number]]
            number = self._same[number]
        return number

    def join(self, some: Numbers, others: Numbers) -> None:
        """Makes each number of one the same as the other's in its place."""
        for one, other in zip(some.tolist(), others.tolist(), strict=True):
            self._same[self.of(other)] = self.of(one)

    def now(self, numbers: Numbers) -> Numbers:
        """Returns for each number the one that stands for it, in the same shape."""
        return np.array([self.of(number) for number in numbers.ravel().tolist()], np.int64).reshape(numbers.shape)


class WatchedShape(tuple[int, ...]):
    """A tensor's shape that tells when its number of channels is read: what reads it counts on it."""

    _on_channels: Callable[[], None]

    def __new__(cls, shape: tuple[int, ...], *, on_channels: Callable[[], None]) -> Self:
        self = super().__new__(cls, shape)
        self._on_channels = on_channels
        return self

    def __getitem__(self, index: Any) -> Any:
        read = range(len(self))[index]
        if 1 in (read if isinstance(index, slice) else [read]):
            self._on_channels()
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[int]:
        self._on_channels()
        return super().__iter__()
