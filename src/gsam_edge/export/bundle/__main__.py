"""Writes the wheel of the device into a folder: `python -m gsam_edge.export.bundle dist`."""

import sys
from pathlib import Path

from gsam_edge.export.bundle.wheel import WHEEL_NAME, runtime_wheel

if __name__ == "__main__":
    target = Path(sys.argv[1]) / WHEEL_NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(runtime_wheel())
    sys.stdout.write(f"{target}\n")
