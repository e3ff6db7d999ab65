# ruff: noqa: N802, N815 - the names are CUDA's
"""TensorRT and CUDA without a GPU: a network that brightens its images, in the memory of this process."""

from types import SimpleNamespace

import numpy as np

SIDE = 8


class FakeBuilder:
    """Builds `b"a plan"`, and keeps what it was asked for."""

    def __init__(self, trt):
        self._trt = trt

    def create_network(self, flags):
        self._trt.asked["network"] = flags
        return SimpleNamespace()

    def create_builder_config(self):
        asked = self._trt.asked
        return SimpleNamespace(
            set_memory_pool_limit=lambda pool, size: asked.update({pool: size}),
            clear_flag=lambda flag: asked.update(cleared=flag),
            add_optimization_profile=lambda profile: 0,
            create_timing_cache=lambda known: asked.update(known=known),
            set_timing_cache=lambda cache, ignore_mismatch: True,
            get_timing_cache=lambda: SimpleNamespace(serialize=lambda: b"kernels"),
        )

    def create_optimization_profile(self):
        return SimpleNamespace(set_shape=lambda name, *shapes: self._trt.asked.update({name: shapes}))

    def build_serialized_network(self, network, config):
        return None if self._trt.broken else b"a plan"


class FakeEngine:
    """`images` [1..8, 3, 8, 8] in; `output0`, which only Ultralytics reads, and `scores` of the same shape out."""

    num_io_tensors = 3

    def __init__(self, cuda):
        self._cuda = cuda

    def create_execution_context(self):
        return FakeContext(self._cuda)

    def get_tensor_name(self, index):
        return ("images", "output0", "scores")[index]

    def get_tensor_mode(self, name):
        return "input" if name == "images" else "output"

    def get_tensor_shape(self, name):
        return (-1, 3, SIDE, SIDE)

    def get_tensor_dtype(self, name):
        return "float"

    def get_tensor_profile_shape(self, name, profile_index):
        return [(size, 3, SIDE, SIDE) for size in (1, 4, 8)]


class FakeContext:
    """Computes `scores = images + 1`."""

    def __init__(self, cuda):
        self._cuda, self._addresses, self._shape = cuda, {}, ()

    def set_input_shape(self, name, shape):
        self._shape = tuple(shape)
        return self._shape[1:] == (3, SIDE, SIDE)

    def get_tensor_shape(self, name):
        return self._shape

    def set_tensor_address(self, name, memory):
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle):
        count = int(np.prod(self._shape)) * 4
        images = self._cuda.blocks[self._addresses["images"]][:count].view(np.float32)
        self._cuda.blocks[self._addresses["scores"]][:count] = (images + 1).view(np.uint8)
        return True


class FakeCuda:
    """`cuda.bindings.runtime` with the calls that the engine makes."""

    cudaError_t = SimpleNamespace(cudaSuccess=0)
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice="up", cudaMemcpyDeviceToHost="down")

    def __init__(self, megabytes=100):
        self.blocks, self._left = {}, megabytes * 10**6

    def cudaGetDeviceProperties(self, device):
        return 0, SimpleNamespace(name=b"Orin\0\0", major=8, minor=7)

    def cudaStreamCreate(self):
        return 0, 7

    def cudaStreamDestroy(self, stream):
        return (0,)

    def cudaStreamSynchronize(self, stream):
        return (0,)

    def cudaMalloc(self, size):
        self._left -= size
        if self._left < 0:
            return SimpleNamespace(name="cudaErrorMemoryAllocation"), None
        address = len(self.blocks) + 1
        self.blocks[address] = np.zeros(size, np.uint8)
        return 0, address

    def cudaFree(self, address):
        del self.blocks[address]
        return (0,)

    def cudaMemcpy(self, dst, src, count, kind):
        import ctypes

        block, host = (self.blocks[dst], src) if kind == "up" else (self.blocks[src], dst)
        on_host = np.ctypeslib.as_array((ctypes.c_uint8 * count).from_address(host))
        if kind == "up":
            block[:count] = on_host
        else:
            on_host[:] = block[:count]
        return (0,)


def fake_tensorrt(cuda, *, broken=False):
    """Returns a module with what the engine and the builder use; `asked` is what the builder was asked for."""
    trt = SimpleNamespace(__version__="10.3.0", asked={}, broken=broken)
    trt.Logger = type("Logger", (), {"ERROR": 1, "WARNING": 2, "__init__": lambda self, least: None})
    trt.Builder = lambda logger: FakeBuilder(trt)
    trt.OnnxParser = lambda network, logger: SimpleNamespace(
        parse=lambda content: not broken,
        num_errors=1,
        get_error=lambda index: SimpleNamespace(desc=lambda: "no such op"),
    )
    trt.NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    trt.MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
    trt.BuilderFlag = SimpleNamespace(TF32="tf32")
    trt.TensorIOMode = SimpleNamespace(INPUT="input")
    trt.nptype = lambda kind: {"float": np.float32}[kind]
    engine = FakeEngine(cuda)
    trt.Runtime = lambda logger: SimpleNamespace(
        deserialize_cuda_engine=lambda content: engine if content == b"a plan" else None
    )
    return trt
