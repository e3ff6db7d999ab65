"""A module of artefacts that do odd things, for the processes that measure them."""

import importlib
import sys

import pytest

ARTEFACTS = """
import os, signal, time
import numpy as np
from gsam_edge.vision import Detections

def answer(value, masks=None):
    return Detections(np.full((1, 4), value, np.float32), np.ones(1, np.float32), np.zeros(1, np.int64), masks)

def echo(with_masks):
    def predict(image):
        return answer(image[0, 0, 0], (image[..., 0] > 7)[None] if with_masks else None)
    return predict

def prompted():
    return lambda image, xyxy: answer(xyxy[0, 0])

def sleeper():
    def predict(image):
        time.sleep(0.02)
        return answer(0)
    return predict

def counter():
    calls = []
    def predict(image):
        calls.append(None)
        return answer(len(calls))
    return predict

def noting(path, seconds=0):
    def predict(image):
        time.sleep(seconds)
        with open(path, "a") as file:
            file.write(f"{image[0, 0, 0]} ")
        return answer(0)
    return predict

def settings():
    return lambda image: answer(float(os.environ["OMP_NUM_THREADS"]))

def large():
    ballast = np.ones(25_000_000)
    return lambda image: answer(ballast[0])

def torch_threads():
    import torch
    return lambda image: answer(torch.get_num_threads())

def talker():
    def predict(image):
        print("a library that talks")
        os.write(1, b"and one in C")
        return answer(5)
    return predict

def missing():
    raise FileNotFoundError("no weights at models/student.onnx")

def raising(error):
    def predict(image):
        raise error("the engine refuses")
    return predict

def refusing():
    from gsam_edge.vision.errors import UserError
    raise UserError("expected a device, got none")

class Staged:
    def staged(self, image):
        return answer(image[0, 0, 0]), {"preprocess": 1.0, "inference": float(image[0, 0, 0])}

def dying(signal_number):
    return lambda image: os.kill(os.getpid(), signal_number)

def leaving():
    return lambda image: os._exit(3)

def hanging(where):
    if where == "load":
        time.sleep(600)
    return lambda image: time.sleep(600)

def deaf():
    os.kill(os.getpid(), signal.SIGSTOP)

def jumping(slow_until, path):
    # slow in every tenth call, up to so many calls
    calls = []
    def predict(image):
        calls.append(None)
        with open(path, "w") as file:
            file.write(str(len(calls)))
        time.sleep(0.2 if len(calls) % 10 == 0 and len(calls) <= slow_until else 0.002)
        return answer(0)
    return predict

def failing_at(call):
    calls = []
    def predict(image):
        calls.append(None)
        if len(calls) == call:
            raise RuntimeError("the engine gives up")
        return answer(0)
    return predict
"""


@pytest.fixture
def artefacts(tmp_path, monkeypatch):
    (tmp_path / "artefacts.py").write_text(ARTEFACTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("artefacts")
    del sys.modules["artefacts"]
