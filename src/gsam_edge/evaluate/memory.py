"""Peak memory of the process that asks."""

import platform
from pathlib import Path

import psutil


def peak_memory_mb() -> float:
    """The most resident memory this process has held so far, in megabytes (2^20 bytes), interpreter and libraries
    included.

    On Linux it is the kernel's VmHWM. `getrusage` would not do there: its ru_maxrss carries the parent's peak over into
    a process that was forked and then replaced, so that a large parent would be counted instead of the artefact.
    """
    system = platform.system()
    if system == "Linux":
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024
    if system == "Windows":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    # macOS counts bytes, the BSDs kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if system == "Darwin" else 2**10)
