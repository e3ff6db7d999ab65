"""LiteRT's converter is a program of another environment: what it is given, and every way in which it can fail."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gsam_edge.export.litert import program
from gsam_edge.export.litert.converter import ConverterError, run_converter

JOB = {"input": "images", "threads": 1}


@pytest.fixture
def converter(tmp_path):
    """Makes a Python that is none: a program of the shell, which gets `-I program.py STEP FOLDER`."""

    def make(lines):
        path = tmp_path / "environment" / "python"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\nstep="$3"; cd "$4" || exit 9\n{lines}\n')
        path.chmod(0o755)
        return path

    return make


def run(python, folder, timeout_s=60):
    return run_converter(python, "convert", folder, JOB, program.FLOAT_FILE, timeout_s=timeout_s)


def test_it_gets_its_step_its_folder_and_its_job_and_its_file_comes_back(converter, tmp_path):
    python = converter(
        """[ "$1 $step" = "-I convert" ] && [ -f "$2" ] && cp job.json student.tflite || exit 1
        echo '{"converter": "any 1"}' > done.json"""
    )
    content, said = run(python, tmp_path)
    assert json.loads(content) == JOB
    assert said == {"converter": "any 1"}


def test_where_there_is_none_the_command_that_makes_it_is_said(tmp_path):
    with pytest.raises(ConverterError, match=r"not built here: .*absent/python \(litert.converter\).*make litert-conv"):
        run(tmp_path / "absent" / "python", tmp_path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("echo first; echo 'no such layer' >&2; exit 3", r"exit code 3: \['no such layer'\]"),
        ("kill -SEGV $$", "exit code -11"),
        ("exit 0", "expected student.tflite, got exit code 0"),
        ("echo graph > student.tflite", "expected student.tflite, got exit code 0"),
        ("echo graph > student.tflite; echo '{' > done.json", "expected JSON in done.json"),
        ("echo graph > student.tflite; echo '[1]' > done.json", r"its name and version in done.json, got \[1\]"),
    ],
)
def test_one_that_fails_is_one_message(lines, message, converter, tmp_path):
    with pytest.raises(ConverterError, match=message):
        run(converter(lines), tmp_path)


def test_one_that_takes_too_long_is_ended(converter, tmp_path):
    with pytest.raises(ConverterError, match=r"expected an end within 1 s \(litert.timeout_s\)"):
        run(converter("exec sleep 60"), tmp_path, timeout_s=1)


def test_one_that_cannot_start_is_one_message(converter, tmp_path):
    python = converter("exit 0")
    python.chmod(0o644)
    with pytest.raises(ConverterError, match=r"expected a Python at .* that starts, but: .*Permission denied"):
        run(python, tmp_path)


def test_an_environment_with_another_pytorch_is_refused(tmp_path):
    job = {"torch": "0.4.1", "input": "images", "shape": [1, 3, 8, 8], "outputs": ["boxes"]}
    with pytest.raises(ConverterError, match=r"expected PyTorch 0.4.1, as in the project, got .*; run make litert-con"):
        run_converter(Path(sys.executable), "convert", tmp_path, job, program.FLOAT_FILE, timeout_s=300)


def test_the_project_itself_is_no_such_environment(tmp_path):
    with pytest.raises(ConverterError, match=r"No module named 'ai_edge_quantizer'.*make litert-converter"):
        run_converter(Path(sys.executable), "quantize", tmp_path, JOB, program.INTEGER_FILE, timeout_s=300)


def graph(*operators):
    """A model as the quantizer's flatbuffers give it; tensors below 10 are constants, tensor 10 is the image."""
    kinds = list(dict.fromkeys(kind for kind, _, _ in operators))
    return SimpleNamespace(
        operatorCodes=[SimpleNamespace(builtinCode=kind) for kind in kinds],
        buffers=[SimpleNamespace(data=None), SimpleNamespace(data=b"weights")],
        subgraphs=[
            SimpleNamespace(
                inputs=[10],
                tensors=[SimpleNamespace(buffer=1 if index < 10 else 0) for index in range(20)],
                operators=[
                    SimpleNamespace(opcodeIndex=kinds.index(kind), inputs=list(read), outputs=list(given))
                    for kind, read, given in operators
                ],
            )
        ],
    )


#: What the program reads such files with: operators are called by their type, scopes by the tensors that they give.
READER = SimpleNamespace(
    TFL_OP_CODE_TO_NAME={kind: SimpleNamespace(value=kind) for kind in ("CONV_2D", "MUL", "ADD", "TOPK_V2", "RESHAPE")},
    get_op_scope=lambda operator, tensors: str(operator.outputs),
)


def test_the_body_ends_with_its_last_convolutions():
    model = graph(
        ("CONV_2D", (10, 1, 2), (11,)),
        ("MUL", (11, 11), (12,)),
        ("CONV_2D", (12, 3, -1), (13,)),
        ("RESHAPE", (13, 4), (14,)),  # begins the decoding
        ("TOPK_V2", (14, 5), (15,)),
        ("MUL", (15, 6), (16,)),
        ("CONV_2D", (16, 7, -1), (17,)),  # behind what chooses: no part of it
        ("CUSTOM", (17,), (18,)),
    )
    assert program.convolutional_body(model, READER) == ["[11]", "[12]", "[13]"]


def test_without_a_convolution_there_is_no_body():
    assert program.convolutional_body(graph(("MUL", (10, 1), (11,))), READER) == []
