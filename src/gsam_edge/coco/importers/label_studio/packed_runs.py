"""The packed runs of Label Studio's brush: bits, after the published format of thi.ng/rle-pack.

32 bits: the number of values; 5 bits: bits per value - 1; four times 4 bits: bits of a run's length - 1, by its class.
Then runs, until all values are there: 1 bit: repeated or not; 2 bits: class; the length - 1; one value, or one each.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BYTE = 8


def unpack_runs(codes: Sequence[Any], count: int) -> NDArray[np.uint8]:
    """Returns the values of packed runs, uint8 [count].

    Args:
        codes: the bytes, as whole numbers of 0..255.
        count: how many values are expected.

    Raises:
        ValueError: if the code is damaged or cut off, or holds another number of values or values of other sizes.
    """
    try:
        bits = _Bits(bytes(codes))
    except TypeError as error:
        raise ValueError(f"expected whole numbers of 0 to 255, but: {error}") from error
    declared, size = bits.read(32), bits.read(5) + 1
    lengths = [bits.read(4) + 1 for _ in range(4)]
    if declared != count or size != _BYTE:
        raise ValueError(f"expected {count} values of 8 bits, got {declared} of {size} bits")
    values = np.zeros(count, np.uint8)
    start = 0
    while start < count:
        is_repeated = bits.read(1)
        end = start + bits.read(lengths[bits.read(2)]) + 1
        if end > count:
            raise ValueError(f"expected {count} values, got a run that ends at {end}")
        values[start:end] = bits.read(_BYTE) if is_repeated else bits.read_bytes(end - start)
        start = end
    return values


def pack_runs(values: NDArray[np.uint8]) -> list[int]:
    """Returns the code of values, uint8 [count], as runs of equal ones: `unpack_runs` gives them back."""
    sizes = (4, 8, 12, 16)  # bits of the length of a run
    bits = [f"{len(values):032b}", f"{_BYTE - 1:05b}", *(f"{size - 1:04b}" for size in sizes)]
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])) if len(values) else np.zeros(0, np.int64)
    for start, length in zip(starts.tolist(), np.diff(np.append(starts, len(values))).tolist(), strict=True):
        left = length
        while left:
            run = min(left, 1 << sizes[-1])
            row = next(row for row, size in enumerate(sizes) if run <= 1 << size)
            bits.append(f"1{row:02b}{run - 1:0{sizes[row]}b}{int(values[start]):08b}")
            left -= run
    code = "".join(bits)
    code += "0" * (-len(code) % _BYTE)
    return [int(code[at : at + _BYTE], 2) for at in range(0, len(code), _BYTE)]


class _Bits:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def read(self, size: int) -> int:
        """Returns the next number of some bits, the highest first."""
        first, end = self._at, self._at + size
        last = -(-end // 8)
        if last > len(self._content):
            raise ValueError(f"the code is cut off after {len(self._content)} bytes")
        self._at = end
        whole = int.from_bytes(self._content[first // 8 : last], "big")
        return (whole >> (last * 8 - end)) & ((1 << size) - 1)

    def read_bytes(self, count: int) -> NDArray[np.uint8]:
        """Returns the next numbers of eight bits each, uint8 [count]."""
        number = self.read(_BYTE * count)
        return np.frombuffer(number.to_bytes(count, "big"), np.uint8)
