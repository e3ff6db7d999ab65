"""The table of export formats; a format comes after the one that it is made from."""

from collections.abc import Mapping
from typing import Any

from gsam_edge.export.format import Format
from gsam_edge.export.formats.executorch import ExecuTorch
from gsam_edge.export.formats.litert import LiteRt, LiteRtInt8
from gsam_edge.export.formats.ncnn import Ncnn
from gsam_edge.export.formats.onnx import Onnx
from gsam_edge.export.formats.onnx_dynamic import OnnxDynamic
from gsam_edge.export.formats.onnx_fp16 import OnnxFp16
from gsam_edge.export.formats.onnx_int8 import OnnxInt8
from gsam_edge.export.formats.onnx_tensorrt import OnnxTensorrt
from gsam_edge.export.formats.onnx_ultralytics import OnnxUltralytics
from gsam_edge.export.formats.openvino import OpenVino
from gsam_edge.export.formats.tensorrt import TensorRt

FORMATS: Mapping[str, Format[Any, Any]] = {
    "executorch": ExecuTorch(),
    "litert": LiteRt(),
    "litert_int8": LiteRtInt8(),
    "ncnn": Ncnn(),
    "onnx": Onnx(),
    "onnx_dynamic": OnnxDynamic(),
    "onnx_fp16": OnnxFp16(),
    "onnx_int8": OnnxInt8(),
    "onnx_tensorrt": OnnxTensorrt(),
    "onnx_ultralytics": OnnxUltralytics(),
    "openvino": OpenVino("openvino", "onnx", "half"),
    "openvino_int8": OpenVino("openvino_int8", "onnx_int8", "integer"),
    "tensorrt": TensorRt("tensorrt", "onnx", "single", "student.onnx"),
    "tensorrt_fp16": TensorRt("tensorrt_fp16", "onnx_fp16", "half", "student_fp16.onnx"),
    "tensorrt_int8": TensorRt("tensorrt_int8", "onnx_tensorrt", "integer", "student_tensorrt.onnx"),
}

#: The format that others are compared with in speed: single precision, on every CPU.
REFERENCE = "onnx"
