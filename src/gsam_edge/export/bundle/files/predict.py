"""Finds objects in images, folders, videos, or in what a camera sees, with the student in this folder.

    python predict.py --help

Everything happens on this device: nothing is sent anywhere.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if sys.version_info < (3, 10):  # noqa: UP036 - the device may have any Python
    sys.exit("predict.py: expected Python 3.10 or newer, this is " + sys.version.split()[0])

# ONNX Runtime would write an identity of this device into the user's cache folder and ask its maker's host.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# The runtime that lies here is the one that the student was measured with, so it comes before an installed one.
sys.path[:0] = [str(wheel) for wheel in HERE.glob("gsam_edge_runtime-*.whl")]

try:
    from gsam_edge.runtime.inference.command import run
except ModuleNotFoundError as error:
    sys.exit(
        f"predict.py: the package {error.name} is not installed: "
        f'{sys.executable} -m pip install -r "{HERE / "requirements.txt"}"'
    )

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], folder=HERE))
