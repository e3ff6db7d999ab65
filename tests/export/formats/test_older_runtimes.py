"""ONNX files run in the ONNX Runtimes that devices have, each in an environment of its own."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from gsam_edge.export.formats.onnx_dynamic import DynamicConfig, OnnxDynamic
from gsam_edge.export.formats.onnx_tensorrt import OnnxTensorrt
from gsam_edge.export.quantization.static import CalibrationConfig
from gsam_edge.runtime.engines.table import open_engine
from support.quantized import blob_data

#: Versions that formats name as `oldest_runtime`, and what came between; and the newest Python that has a wheel.
OLDER = {"1.15.1": (3, 11), "1.17.3": (3, 12), "1.20.1": (3, 13)}
#: Runs `<folder>/<name>.onnx` on `<folder>/canvas.npy` and writes `<folder>/<name>.npz`.
PROGRAM = """
import sys
import numpy as np
import onnxruntime
folder, expected, *names = sys.argv[1:]
assert onnxruntime.__version__ == expected, onnxruntime.__version__
for name in names:
    session = onnxruntime.InferenceSession(f"{folder}/{name}.onnx", providers=["CPUExecutionProvider"])
    answers = session.run(None, {"images": np.load(f"{folder}/canvas.npy")})
    outputs = [value.name for value in session.get_outputs()]
    np.savez(f"{folder}/{name}.npz", **dict(zip(outputs, answers)))
"""
CALIBRATION = CalibrationConfig(calibration_images=3, method="minmax", percentile=99.99)


def python_up_to(newest):
    """A Python that a version has a wheel for: this one, or one on the PATH that starts."""
    if sys.version_info[:2] <= newest:
        return sys.executable
    for minor in range(newest[1], 9, -1):
        python = shutil.which(f"python3.{minor}")
        if python and subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return python
    return None


@pytest.fixture(scope="module", params=[*OLDER, "today's"])
def runtime(request, tmp_path_factory):
    """A Python with one version of ONNX Runtime, and that version."""
    if request.param == "today's":
        import onnxruntime

        return sys.executable, onnxruntime.__version__
    python = python_up_to(OLDER[request.param])
    if python is None:
        pytest.skip(f"no Python up to {OLDER[request.param]} is on the PATH, for ONNX Runtime {request.param}")
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([python, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    wanted = [f"onnxruntime=={request.param}", "numpy<2"]
    done = subprocess.run([*install, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"ONNX Runtime {request.param} cannot be had here: {done.stderr.strip()[-200:]}")
    return folder / "bin" / "python", request.param


@pytest.fixture(scope="module")
def files(blob_onnx, edge_onnx, edge_int8):
    data = blob_data()
    return {
        "blob": blob_onnx,
        "blob_dynamic": OnnxDynamic().build(blob_onnx, data, DynamicConfig(reduce_range=False)),
        "blob_tensorrt": OnnxTensorrt().build(blob_onnx, data, CALIBRATION),
        "student": edge_onnx,
        "student_int8": edge_int8,
    }


@pytest.mark.slow
def test_every_onnx_file_loads_and_answers_as_today(runtime, files, canvases, tmp_path):
    """Rounding to integers may fall otherwise where another version fuses otherwise: hence the tolerance of a score."""
    python, version = runtime
    for name, content in files.items():
        (tmp_path / f"{name}.onnx").write_bytes(content)
    np.save(tmp_path / "canvas.npy", canvases[0])
    command = [python, "-c", PROGRAM, tmp_path, version, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name, content in files.items():
        expected, found = open_engine(content, ".onnx", threads=1).run(canvases[0]), np.load(tmp_path / f"{name}.npz")
        assert {key: found[key].shape for key in found.files} == {key: value.shape for key, value in expected.items()}
        np.testing.assert_allclose(found["scores"], expected["scores"], atol=0.05 if "_" in name else 1e-4)
