"""The table of export formats; a format comes after the one that it is made from."""

from collections.abc import Mapping
from typing import Any

from gsam_edge.export.format import Format
from gsam_edge.export.formats.executorch import ExecuTorch
from gsam_edge.export.formats.ncnn import Ncnn
from gsam_edge.export.formats.onnx import Onnx
from gsam_edge.export.formats.onnx_dynamic import OnnxDynamic
from gsam_edge.export.formats.onnx_fp16 import OnnxFp16
from gsam_edge.export.formats.onnx_int8 import OnnxInt8
from gsam_edge.export.formats.onnx_tensorrt import OnnxTensorrt
from gsam_edge.export.formats.onnx_ultralytics import OnnxUltralytics

FORMATS: Mapping[str, Format[Any, Any]] = {
    "executorch": ExecuTorch(),
    "ncnn": Ncnn(),
    "onnx": Onnx(),
    "onnx_dynamic": OnnxDynamic(),
    "onnx_fp16": OnnxFp16(),
    "onnx_int8": OnnxInt8(),
    "onnx_tensorrt": OnnxTensorrt(),
    "onnx_ultralytics": OnnxUltralytics(),
}

#: The format that others are compared with in speed: single precision, on every CPU.
REFERENCE = "onnx"
