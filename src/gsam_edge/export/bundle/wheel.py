"""Writes the wheel `gsam-edge-runtime`: the rooms of the package that run on the device.

A wheel of pure Python is a zip of its files with three more about them (the "Binary distribution format" of the Python
Packaging User Guide). It is written here and not by a build backend, so that a run can put it into a bundle without
network, and equal sources give equal bytes.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

import gsam_edge
from gsam_edge.runtime.archive import pack
from gsam_edge.vision.errors import UserError

NAME = "gsam-edge-runtime"
#: The oldest Python that it runs on; tests install it there.
OLDEST_PYTHON = "3.10"
#: What its modules import, and by extra what an engine or a video needs; the lower bounds are the oldest that a test
#: ran, or that somebody tried.
NEEDS = ("numpy>=1.26.4", "pillow>=11")
EXTRAS: Mapping[str, str] = {
    "ai-edge-litert": "ai-edge-litert",
    "executorch": "executorch",
    "ncnn": "ncnn",
    "onnxruntime": "onnxruntime>=1.15.1",
    "openvino": "openvino",
    "video": "opencv-python-headless>=4.10",
}
LICENCE = "AGPL-3.0-or-later"

_ROOMS = ("runtime", "vision")
_BESIDE = ("__init__.py", "py.typed")
_PACKAGE = Path(gsam_edge.__file__).parent
_STEM = f"{NAME.replace('-', '_')}-{gsam_edge.__version__}"

WHEEL_NAME = f"{_STEM}-py3-none-any.whl"

_DESCRIPTION = """\
# gsam-edge-runtime

Runs students that gsam_edge has exported, on the device: an image in, boxes, classes, scores and masks out. No PyTorch.

    from gsam_edge.runtime import Detector

    detect = Detector.open("student_int8.onnx", threads=2)
    found = detect.file("image.jpg", max_pixels=120_000_000)

It is cut from the package gsam_edge and has the same module names: install one of both, not both.
"""


def runtime_wheel() -> bytes:
    """Returns the wheel as a file's content; its name is `WHEEL_NAME`."""
    files = device_modules()
    about = f"{_STEM}.dist-info"
    files[f"{about}/licenses/LICENSE"] = licence_text()
    files[f"{about}/METADATA"] = _metadata().encode()
    files[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: gsam_edge\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items()]
    files[f"{about}/RECORD"] = "".join([*lines, f"{about}/RECORD,,\n"]).encode()
    return pack(files)


def device_modules() -> dict[str, bytes]:
    """Returns the files of the device's rooms by their path below the folder that holds the package, in order."""
    paths = [_PACKAGE / name for name in _BESIDE]
    for room in _ROOMS:
        paths += [path for path in (_PACKAGE / room).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(_PACKAGE.parent).as_posix(): path.read_bytes() for path in sorted(paths)}


def licence_text() -> bytes:
    """Returns the text of the licence that the project is under, as it was installed.

    Raises:
        UserError: if the project is not installed.
    """
    # Not the first alone: beside a project's sources, which Kedro puts first on the path, a build leaves metadata too.
    found = [each.read_text("licenses/LICENSE") for each in distributions(name="gsam_edge")]
    if not found:
        raise UserError("licence: expected gsam_edge to be installed (pip install -e .), got none of that name")
    text = next((each for each in found if each), None)
    if text is None:
        raise UserError("licence: expected LICENSE in the installed gsam_edge, got none; install it anew")
    return text.encode()


def _metadata() -> str:
    fields = [
        "Metadata-Version: 2.4",
        f"Name: {NAME}",
        f"Version: {gsam_edge.__version__}",
        "Summary: Runs students that gsam_edge has exported, on the device.",
        f"License-Expression: {LICENCE}",
        "License-File: LICENSE",
        f"Requires-Python: >={OLDEST_PYTHON}",
        *(f"Requires-Dist: {needed}" for needed in NEEDS),
        *(line for extra, needed in EXTRAS.items() for line in _extra(extra, needed)),
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join([*fields, "", _DESCRIPTION])


def _extra(extra: str, needed: str) -> tuple[str, str]:
    return f"Provides-Extra: {extra}", f'Requires-Dist: {needed}; extra == "{extra}"'


def _digest(content: bytes) -> str:
    return urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
