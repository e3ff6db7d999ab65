"""A student as an MLflow model answers as the runtime does, also over HTTP."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.types import DataType

from gsam_edge.datasets.inference.exported import Exported
from gsam_edge.datasets.inference.served import ServedStudentDataset, Serving
from gsam_edge.runtime import Detector
from support.constant_student import constant_student
from support.inference import png

#: As sure as it is red; the second finds nothing.
IMAGES = tuple(np.full((40, 60, 3), (red, 10, 20), np.uint8) for red in (204, 51))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model."""
    folder = tmp_path_factory.mktemp("models") / "served_student"
    exported = Exported("student_onnx", constant_student(), ".onnx")
    settings = {"score_threshold": 0.5, "threads": 1, "max_pixels": 10_000}
    ServedStudentDataset(filepath=str(folder)).save(Serving(exported, settings))
    return folder


def require_as_the_runtime(answers: list[dict]) -> None:
    """Checks the answers for IMAGES and for one that is no image, in this order."""
    detect = Detector.open(constant_student(), ".onnx", score_threshold=0.5, threads=1)
    for answer, image in zip(answers, IMAGES, strict=False):
        found = detect(image)
        assert (answer["height"], answer["width"]) == (40, 60)
        np.testing.assert_allclose([one["box"] for one in answer["objects"]], found.xyxy.tolist(), atol=0.01)
        np.testing.assert_allclose([one["score"] for one in answer["objects"]], found.scores, atol=1e-4)
        assert [one["class"] for one in answer["objects"]] == ["dash"] * len(found)
        assert all(one["mask"]["size"] == [40, 60] for one in answer["objects"])
    assert [len(answer["objects"]) for answer in answers] == [1, 0, 0]
    assert "expected a complete image file" in answers[2]["error"]


def test_a_table_of_image_files_gives_what_the_runtime_gives(model):
    search_path = list(sys.path)
    loaded = ServedStudentDataset(filepath=str(model)).load()
    assert sys.path == search_path  # the model's copy of the runtime hides this package from nobody
    table = pd.DataFrame({"image": [*map(png, IMAGES), b"no image"]})
    require_as_the_runtime(loaded.predict(table))


def test_the_signature_has_an_image_column_and_nothing_is_pickled(model):
    signature = mlflow.models.get_model_info(str(model)).signature
    (column,) = signature.inputs.inputs
    assert (column.name, column.type) == ("image", DataType.binary)
    assert signature.outputs.input_names() == ["objects", "height", "width", "error"]
    files = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert "data/student.onnx" in files
    assert not {name for name in files if name.endswith((".pkl", ".pyc"))}
    rooms = {name.split("/")[2] for name in files if name.startswith("code/gsam_edge/")}
    assert rooms == {"__init__.py", "py.typed", "runtime", "vision"}
    requirements = (model / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in requirements if not line.startswith("mlflow")] == [
        "numpy",
        "pillow",
        "onnxruntime",
    ]


@pytest.mark.slow
def test_mlflow_serves_it_over_http_from_the_code_that_lies_in_it(model, tmp_path):
    """Started where this checkout is not on the path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
            env=environment,
            stdout=log,
            stderr=log,
            cwd=tmp_path,
            start_new_session=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", server, log)
            files = [base64.b64encode(content).decode() for content in (*map(png, IMAGES), b"no image")]
            body = {"dataframe_split": {"columns": ["image"], "data": [[file] for file in files]}}
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations",
                json.dumps(body).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310 - our own address
                require_as_the_runtime(json.load(answer)["predictions"])
        finally:
            os.killpg(server.pid, 15)
            server.wait(timeout=60)


def wait_for(address: str, server: subprocess.Popen, log) -> None:
    """Waits until the server answers; fails with its log where it ends before."""
    until = time.monotonic() + 1500
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own address
                assert answer.status == 200
                return
        except OSError:
            time.sleep(1)
    log.seek(0)
    raise AssertionError(f"the server does not answer: {log.read()[-3000:]}")
