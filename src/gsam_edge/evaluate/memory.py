"""Peak memory of the calling process."""

import platform
from pathlib import Path

import psutil


def peak_memory_mb() -> float:
    """Returns this process's peak resident memory in megabytes (10^6 bytes), interpreter and libraries included.

    On Linux it is the kernel's VmHWM. `getrusage` is wrong there: its ru_maxrss carries the parent's peak over into a
    process that was forked and then replaced, so that a large parent would be counted instead of the artefact.
    """
    system = platform.system()
    if system == "Linux":
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6  # the kernel counts units of 1024 bytes
    if system == "Windows":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    # macOS counts bytes, the BSDs units of 1024 bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if system == "Darwin" else 1024) / 1e6
