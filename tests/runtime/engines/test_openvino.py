"""A file for OpenVINO is believed only as far as it is checked, and OpenVINO reports nothing to anybody."""

import subprocess
import sys

import pytest

from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.archive import pack
from gsam_edge.runtime.engines.openvino import FILES, OpenVinoEngine
from support.constant_student import constant_student

#: Fails where anything of the process looks for a host or opens a connection, or a file appears in the home folder.
QUIET = """
import os, socket, sys, time
from pathlib import Path
def refuse(*_, **__):
    print("reached for the network", file=sys.stderr)
    os._exit(3)
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
from gsam_edge.runtime.engines.openvino import import_openvino
openvino = import_openvino()
parameter = openvino.opset13.parameter([1], openvino.Type.f32)
openvino.save_model(openvino.Model([openvino.opset13.relu(parameter)], [parameter]), "graph.xml")
openvino.Core().compile_model("graph.xml", "CPU")
assert openvino.tools.ovc.telemetry.__class__.__module__ == "openvino.tools.ovc.telemetry_stub"
time.sleep(0.5)
assert {path.name for path in Path.home().iterdir()} == {"graph.xml", "graph.bin"}
"""


def test_nothing_reaches_the_network_and_nothing_is_left_in_the_home_folder(tmp_path):
    pytest.importorskip("openvino", reason='pip install "gsam_edge[openvino]"')
    environment = {"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_without_openvino_one_line_says_how_it_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ArtefactError, match=r"expected the package openvino, .*: pip install openvino"):
        OpenVinoEngine.open(b"", threads=1, providers=())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a zip, got 0 bytes"),
        (pack({"student.xml": b""}), "expected a zip of the files"),
        (pack(dict.fromkeys(FILES, b"<")), "expected a graph that OpenVINO can read"),
        (pack({FILES[0]: constant_student(), FILES[1]: b""}), "expected a graph that OpenVINO can read, in XML"),
        (
            pack({FILES[0]: b"<net name='x' version='11'></net>", FILES[1]: b""}),
            "metadata inference_precision: expected one of",
        ),
    ],
)
def test_what_is_no_artefact_is_refused_in_one_line(content, message):
    pytest.importorskip("openvino", reason='pip install "gsam_edge[openvino]"')
    with pytest.raises(ArtefactError, match=message):
        OpenVinoEngine.open(content, threads=1, providers=())
