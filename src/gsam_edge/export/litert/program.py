"""What the converter of LiteRT does, as a program of its own environment.

Its packages contradict those of the project (litert-torch declares an older PyTorch), so `make litert-converter` gives
them `.venv-litert`, whose Python runs this file. Nothing of gsam_edge can be imported here. A folder is the whole
exchange:

    python -I program.py convert FOLDER     student.pt2, job.json -> student.tflite, done.json
    python -I program.py quantize FOLDER    student.tflite, canvases.npy, job.json -> student_int8.tflite, done.json

What fails ends with another exit status than 0 and a message on the standard error.
"""

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROGRAM, FLOAT_FILE, INTEGER_FILE = "student.pt2", "student.tflite", "student_int8.tflite"
CANVASES, JOB, DONE = "canvases.npy", "job.json", "done.json"

_SIGNATURE = "serving_default"  # the one that LiteRT takes where none is named
_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"})
#: Operators of a convolutional network, those that only move values included; see `export.body`, of which this is the
#: counterpart for another kind of file.
_SPATIAL = _CONVOLUTIONS | frozenset(
    {
        "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "DEPTH_TO_SPACE", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC",
        "MAX_POOL_2D", "MEAN", "MUL", "PAD", "PADV2", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR", "SLICE", "SPLIT", "SQUEEZE", "STRIDED_SLICE", "TANH", "TRANSPOSE",
    }
)  # fmt: skip


def convert(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Converts an exported PyTorch program for one image at a time.

    Args:
        folder: where its file lies, and the TFLite file goes.
        job: `torch`, the version that wrote the program; `input`, `shape` and `outputs`, names and shape for the file.

    Returns:
        What is said about the conversion.
    """
    here = version("torch").partition("+")[0]  # behind a "+" stands only what it was built for
    if here != job["torch"]:
        raise SystemExit(f"expected PyTorch {job['torch']}, as in the project, got {here}; run make litert-converter")
    import litert_torch
    import torch

    class Named(torch.nn.Module):
        """The program, whose outputs get names; LiteRT finds inputs and outputs by them."""

        def __init__(self, program: torch.nn.Module) -> None:
            super().__init__()
            self.program = program

        def forward(self, **images: torch.Tensor) -> dict[str, torch.Tensor]:
            return dict(zip(job["outputs"], self.program(*images.values()), strict=True))

    program = torch.export.load(str(folder / PROGRAM)).module()
    example = {job["input"]: torch.zeros(job["shape"])}
    converted = litert_torch.signature(_SIGNATURE, Named(program), sample_kwargs=example).convert()
    converted.export(str(folder / FLOAT_FILE))
    return {"converter": f"litert-torch {version('litert-torch')}"}


def quantize(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Quantises the convolutional network of a TFLite file to INT8, weights per channel; its decoding stays in float.

    Args:
        folder: where the files lie; the canvases are float32 [N, 3, S, S].
        job: `input`, the input's name.

    Returns:
        What is said about it.
    """
    import numpy as np
    from ai_edge_quantizer import quantizer
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils as files

    body = convolutional_body(files.read_model(str(folder / FLOAT_FILE)), files)
    if not body:
        raise SystemExit(f"{FLOAT_FILE}: expected a convolution that reads nothing but the image, got none")
    chosen = quantizer.Quantizer(str(folder / FLOAT_FILE))
    chosen.add_static_config(
        regex=f"^(?:{'|'.join(re.escape(scope) for scope in body)})$",
        operation_name=quantizer.qtyping.TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
    )
    canvases = np.load(folder / CANVASES, mmap_mode="r", allow_pickle=False)
    seen = [{job["input"]: canvas[None]} for canvas in canvases]  # a list: the quantizer counts it first
    ranges = chosen.calibrate({_SIGNATURE: seen}, num_threads=job["threads"])
    (folder / INTEGER_FILE).write_bytes(chosen.quantize(ranges, enable_progress_bar=False).quantized_model)
    return {"converter": f"ai-edge-quantizer {version('ai-edge-quantizer')}", "operators": len(body)}


def convolutional_body(model: Any, files: Any) -> list[str]:
    """Returns the scopes of the operators that compute the network's feature maps, up to its last convolutions.

    Args:
        model: a file's `ModelT`, of one graph.
        files: the quantizer's module that reads such files, which calls an operator by its scope.
    """
    (graph,) = model.subgraphs
    maps = set(graph.inputs)
    spatial = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        kind = files.TFL_OP_CODE_TO_NAME.get(code)
        read = [index for index in operator.inputs if index != -1 and not _constant(model, graph.tensors[index])]
        if kind is not None and kind.value in _SPATIAL and read and maps.issuperset(read):
            maps.update(operator.outputs)
            spatial.append((kind.value, operator))
    wanted: set[int] = set()
    body = []
    for kind, operator in reversed(spatial):
        if kind in _CONVOLUTIONS or wanted.intersection(operator.outputs):
            wanted.update(operator.inputs)
            body.append(files.get_op_scope(operator, graph.tensors))
    return body[::-1]


def _constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def main() -> None:
    """Does one step in a folder."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    done = {"convert": convert, "quantize": quantize}[step](folder, job)
    (folder / DONE).write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main()
