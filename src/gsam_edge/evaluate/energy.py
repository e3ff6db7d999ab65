"""Energy that processor and GPU took, where their counters can be read."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Linux' interface to the counters of Intel's and AMD's processors (RAPL); reading them mostly needs root.
POWERCAP = Path("/sys/class/powercap")


@dataclass
class Energy:
    """Joules that were taken; None until the end, and where there is no counter."""

    joules: float | None = None


@contextmanager
def counted_energy(powercap: Path = POWERCAP) -> Iterator[Energy]:
    """Counts the energy of all processor packages and all NVIDIA GPUs while its block runs.

    It is that of the whole machine's chips, whatever else they do: measure on a machine that does nothing else.
    """
    energy = Energy()
    gpus = _Gpus()
    packages = _packages(powercap)
    before, gpu_before = {package: _microjoules(package) for package in packages}, gpus.millijoules()
    try:
        yield energy
    finally:
        parts = []
        for package in packages:
            start, end = before[package], _microjoules(package)
            if start is not None and end is not None:
                if end < start:  # the counter began anew
                    end += _number(package / "max_energy_range_uj") or 0
                parts.append((end - start) / 1e6)
        gpu_after = gpus.millijoules()
        if gpu_before is not None and gpu_after is not None:
            parts.append((gpu_after - gpu_before) / 1e3)
        gpus.close()
        energy.joules = sum(parts) if parts else None


def _packages(powercap: Path) -> list[Path]:
    """Returns the folders of processor packages; their parts, such as intel-rapl:0:0, are in their own folders."""
    return [path for path in sorted(powercap.glob("*-rapl:*")) if path.name.count(":") == 1]


def _microjoules(package: Path) -> int | None:
    return _number(package / "energy_uj")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


class _Gpus:
    """The NVIDIA GPUs' counters, by the driver's own library (NVML); none where there is no driver."""

    def __init__(self) -> None:
        self._handles: list[ctypes.c_void_p] = []
        try:
            self._nvml = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return
        count = ctypes.c_uint()
        if self._nvml.nvmlInit_v2() or self._nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return
        for index in range(count.value):
            handle = ctypes.c_void_p()
            if not self._nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
                self._handles.append(handle)

    def millijoules(self) -> int | None:
        """Returns what all of them took since the driver was loaded, None where one does not count it."""
        total = 0
        for handle in self._handles:
            taken = ctypes.c_ulonglong()
            if self._nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(taken)):
                return None
            total += taken.value
        return total if self._handles else None

    def close(self) -> None:
        """Ends the use of the library."""
        if self._handles:
            self._nvml.nvmlShutdown()
