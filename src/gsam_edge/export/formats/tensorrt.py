"""Builds a TensorRT engine, for the GPU of this machine.

The network is strongly typed: each tensor has the type that the ONNX file gives it. So the file decides the precision,
FP32, FP16 or INT8, the same way in TensorRT 10 and in 11, which has no other networks.
"""

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gsam_edge.export.format import BuildData, NotBuilt, Precision
from gsam_edge.export.formats.onnx import graph_inputs, read_card
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.engines.cuda import CudaError, gpu_name
from gsam_edge.runtime.engines.tensorrt_plan import Plan
from gsam_edge.runtime.tasks.table import INPUT_NAME
from gsam_edge.runtime.tensors import InputTensor

_MEGABYTE = 1 << 20


class TensorRtConfig(BaseModel):
    """Settings of TensorRT's builder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_sizes: tuple[int, int, int] = Field(
        description="images in the smallest, the usual and the largest batch; for a source of any batch size"
    )
    workspace_mb: int = Field(gt=0, description="most GPU memory that a kernel may use beside tensors, in MiB")
    timing_cache: Path | None = Field(description="file that keeps measured kernels from build to build; null for none")

    @model_validator(mode="after")
    def _rising(self) -> "TensorRtConfig":
        if not 1 <= self.batch_sizes[0] <= self.batch_sizes[1] <= self.batch_sizes[2]:
            raise ValueError(f"batch_sizes: expected 1 <= smallest <= usual <= largest, got {self.batch_sizes}")
        return self


class TensorRt:
    """The student as an engine of TensorRT; see `Format`."""

    suffix: str
    engine = "tensorrt"
    must_be_faster = True
    oldest_runtime: str | None = None
    config = TensorRtConfig
    install = 'pip install "gsam_edge[tensorrt]"'

    def __init__(self, name: str, source: str, precision: Precision, onnx_name: str) -> None:
        """Makes the format of one precision.

        Args:
            name: the format's name.
            source: the format whose ONNX file it is built from.
            precision: that file's.
            onnx_name: that file's name.
        """
        self.name, self.source, self.precision = name, source, precision
        self.suffix = f"{name.removeprefix('tensorrt')}.tensorrt.zip"
        self._onnx_name = onnx_name

    def build(self, source: bytes, data: BuildData, config: TensorRtConfig) -> bytes | NotBuilt:
        """See `build_plan`; where there is no TensorRT or no GPU, says how it is built on the device."""
        inputs = graph_inputs(source)
        try:
            import tensorrt as trt

            gpu = gpu_name()
        except (ImportError, CudaError) as error:
            command = trtexec_command(self._onnx_name, inputs, config)
            return NotBuilt(f"not built here: {error}; on the device, with the ONNX file: {command}")
        return build_plan(trt, gpu, source, config).to_bytes()

    def read_card(self, content: bytes) -> Card:
        """See `Plan.from_bytes`."""
        return Plan.from_bytes(content).card

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """Returns what the builder read from the network; the engine compares it with the plan's own."""
        return Plan.from_bytes(content).inputs


def build_plan(trt: Any, gpu: str, onnx_file: bytes, config: TensorRtConfig) -> Plan:
    """Builds the engine of an ONNX file with a card.

    Args:
        trt: the module `tensorrt`, of version 10 or 11.
        gpu: see `gpu_name`.
        onnx_file: a student in FP32, FP16 or INT8 (QDQ).
        config: batch sizes, memory, timing cache.

    Raises:
        ValueError: if TensorRT cannot parse the file or build the network, with its messages.
    """
    builder = trt.Builder(logger := trt.Logger(trt.Logger.WARNING))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx_file):
        faults = "; ".join(parser.get_error(index).desc() for index in range(parser.num_errors))
        raise ValueError(f"TensorRT {trt.__version__}: expected an ONNX file that it can parse, but: {faults}")
    settings = builder.create_builder_config()
    settings.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, config.workspace_mb * _MEGABYTE)
    settings.clear_flag(trt.BuilderFlag.TF32)  # it rounds FP32 to 10 bits before multiplying
    inputs = graph_inputs(onnx_file)
    if any(None in tensor.shape for tensor in inputs):
        profile = builder.create_optimization_profile()
        for tensor in inputs:
            profile.set_shape(tensor.name, *(_with_batch(tensor, size) for size in config.batch_sizes))
        settings.add_optimization_profile(profile)
    kept = config.timing_cache
    if kept is not None:
        known = settings.create_timing_cache(kept.read_bytes() if kept.exists() else b"")
        settings.set_timing_cache(known, ignore_mismatch=False)
    plan = builder.build_serialized_network(network, settings)
    if plan is None:
        raise ValueError(f"TensorRT {trt.__version__}: expected to build the network; its log above says why not")
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_name(f"{kept.name}.unfinished")
        unfinished.write_bytes(bytes(settings.get_timing_cache().serialize()))
        os.replace(unfinished, kept)
    return Plan(read_card(onnx_file), trt.__version__, gpu, inputs, bytes(plan))


def trtexec_command(onnx_name: str, inputs: tuple[InputTensor, ...], config: TensorRtConfig) -> str:
    """Returns the command that builds the same engine with NVIDIA's tool, and measures it."""
    parts = [
        "trtexec",
        f"--onnx={onnx_name}",
        f"--saveEngine={Path(onnx_name).stem}.plan",
        "--stronglyTyped",
        "--noTF32",
    ]
    for tensor in inputs:
        if tensor.name == INPUT_NAME and None in tensor.shape:
            for option, size in zip(("min", "opt", "max"), config.batch_sizes, strict=True):
                shape = "x".join(str(side) for side in _with_batch(tensor, size))
                parts.append(f"--{option}Shapes={tensor.name}:{shape}")
    parts.append(f"--memPoolSize=workspace:{config.workspace_mb}M")
    if config.timing_cache is not None:
        parts.append(f"--timingCacheFile={config.timing_cache}")
    return " ".join(parts)


def _with_batch(tensor: InputTensor, size: int) -> tuple[int, ...]:
    return tuple(size if side is None else side for side in tensor.shape)
