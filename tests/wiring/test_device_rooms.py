"""`vision` and `runtime` run on the device: numpy and Pillow are all they need, on Python 3.10 too."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.constant_student import constant_student

PACKAGE = Path(__file__).parents[2] / "src" / "gsam_edge"
ROOMS = ("vision", "runtime")
FILES = sorted([PACKAGE / "__init__.py", *(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))])
NEEDED = {"numpy", "PIL"}

IMPORT_ALL = """
import importlib, pkgutil, gsam_edge
for module in pkgutil.walk_packages(gsam_edge.__path__, "gsam_edge."):
    importlib.import_module(module.name)
"""
#: Comes before IMPORT_ALL: of all that is installed, only what is needed can be imported.
BLOCK = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in sys.stdlib_module_names | {NEEDED | {"gsam_edge"}!r}:
            raise ImportError(f"{{name}} is not there on the device")
sys.meta_path.insert(0, Block())
"""
#: Comes after IMPORT_ALL: a PNG file decoded, and its corners taken to the canvas and back.
ROUND_TRIP = """
from io import BytesIO
import numpy as np
from PIL import Image
from gsam_edge.runtime import decode_image
from gsam_edge.vision import Letterbox
pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
file = BytesIO()
Image.fromarray(pixels).save(file, "PNG")
image = decode_image(file.getvalue(), name="image", max_pixels=1500)
assert (image == pixels).all()
letterbox = Letterbox.fit((30, 50), (64, 64))
assert letterbox.image(image).shape == (64, 64, 3)
xyxy = np.array([[3, 4, 40, 20]], np.float32)
assert np.allclose(letterbox.boxes_to_image(letterbox.boxes_to_canvas(xyxy)), xyxy, atol=1e-4)
"""
#: Comes after IMPORT_ALL: a student in student.onnx finds its object in a JPEG file that is decoded at reduced size.
DETECT = """
from io import BytesIO
from PIL import Image
from gsam_edge.runtime import Detector
file = BytesIO()
Image.new("RGB", (200, 100), (255, 0, 0)).save(file, "JPEG", quality=95)
found = Detector.open("student.onnx", score_threshold=0.5, threads=1).file(
    file.getvalue(), max_pixels=20_000, reduced=True
)
assert found.class_ids.tolist() == [1], found
assert found.masks.shape == (1, 100, 200) and found.masks.any()
"""


def imported(tree: ast.AST) -> Iterator[str]:
    """The absolute names of all modules that a piece of code imports, at any level."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            yield str(node.module)


def is_there(name: str) -> bool:
    """Whether the device has a module."""
    if name.startswith("gsam_edge."):
        return name.split(".")[1] in ROOMS
    return name.partition(".")[0] in sys.stdlib_module_names | NEEDED | {"gsam_edge"}


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A folder that holds nothing of the package but the rooms of the device."""
    for path in FILES:
        target = tmp_path / "gsam_edge" / path.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


def run(python: str | Path, program: str, source: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(source)}
    done = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_of_the_device_is_python_3_10_and_imports_what_is_there(path: Path) -> None:
    """An engine imports its one backend inside a function, and one file OpenCV for videos; nothing else is foreign.

    ExecuTorch's Python binding takes PyTorch's tensors and no others.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))
    foreign = {name.partition(".")[0] for name in imported(tree) if not is_there(name)}
    if foreign == {"executorch", "torch"}:
        assert path == PACKAGE / "runtime" / "engines" / "executorch.py"
    elif foreign == {"cv2"}:
        assert path == PACKAGE / "runtime" / "inference" / "video.py"
    elif "engine" in str(path.relative_to(PACKAGE)):
        assert len(foreign) <= 1, f"an engine has one backend, this one imports {sorted(foreign)}"
    else:
        assert not foreign


def test_the_device_needs_numpy_and_pillow_alone(device: Path) -> None:
    """All modules of both rooms are imported where nothing else can be: no other room, no other package."""
    run(sys.executable, BLOCK + IMPORT_ALL + ROUND_TRIP, device)


def test_the_block_can_fail(device: Path) -> None:
    (device / "gsam_edge" / "vision" / "stranger.py").write_text("import torch\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="torch is not there on the device"):
        run(sys.executable, BLOCK + IMPORT_ALL, device)


@pytest.mark.slow
def test_the_device_runs_on_python_3_10(device: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an environment of Python 3.10 with numpy, Pillow and ONNX Runtime, both rooms import and do their work."""
    python = shutil.which("python3.10")
    if python is None or subprocess.run([python, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("no python3.10 that starts is on the PATH")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    own = tmp_path / "venv" / "bin" / "python"
    install = [own, "-m", "pip", "install", "--quiet", "numpy", "pillow", "onnxruntime"]
    installed = subprocess.run(install, capture_output=True, text=True, check=False)
    if installed.returncode:
        why = installed.stderr.strip()[-200:]
        pytest.skip(f"numpy, Pillow and ONNX Runtime for Python 3.10 cannot be had here: {why}")
    (tmp_path / "student.onnx").write_bytes(constant_student())
    monkeypatch.chdir(tmp_path)
    run(own, IMPORT_ALL + ROUND_TRIP + DETECT, device)
