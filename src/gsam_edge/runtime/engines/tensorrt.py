"""Runs an exported student in TensorRT.

Written against the API of TensorRT 10 and 11, which a test checks in NVIDIA's bindings. It has not run yet: there was
no GPU where it was written.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.cuda import CudaBuffers, gpu_name
from gsam_edge.runtime.engines.tensorrt_plan import Plan
from gsam_edge.runtime.tasks.table import INPUT_NAME, answers_among
from gsam_edge.runtime.tensors import InputTensor

_INSTALL = 'pip install "gsam_edge[tensorrt]", or NVIDIA\'s JetPack on a Jetson'
_PROFILE = 0


class TensorRtEngine:
    """A plan on the GPU; see `Engine`.

    Threads may share it: they compute one after the other.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".tensorrt.zip",)
    device: ClassVar[str] = "cuda"

    def __init__(self, trt: Any, plan: Plan, engine: Any) -> None:
        """Wraps a `tensorrt.ICudaEngine` and takes the memory for its largest batch; see `open`."""
        self.card = plan.card
        self._engine, self._context = engine, engine.create_execution_context()
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        fed = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self._dtypes = {name: np.dtype(trt.nptype(engine.get_tensor_dtype(name))) for name in names}
        self.inputs = tuple(self._input(name) for name in fed)
        self.outputs = answers_among([name for name in names if name not in fed])
        for name in fed:  # the largest of the profile, so that one block per tensor serves every batch
            self._context.set_input_shape(name, engine.get_tensor_profile_shape(name, _PROFILE)[-1])
        self._most = {name: tuple(self._context.get_tensor_shape(name)) for name in names}
        self._buffers = CudaBuffers({name: _size(self._most[name], self._dtypes[name]) for name in names})
        for name, address in self._buffers.addresses.items():
            self._context.set_tensor_address(name, address)
        self._lock = Lock()

    @classmethod
    def open(cls, content: bytes, *, threads: int, providers: Sequence[str]) -> "TensorRtEngine":
        """See `Engine`; there are no providers, and `threads` is for CPUs."""
        plan = Plan.from_bytes(content)
        if providers:
            raise ArtefactError(f"providers: expected none, TensorRT computes on the first GPU, got {list(providers)}")
        try:
            import tensorrt as trt

            gpu = gpu_name()
        except ImportError as error:
            raise ArtefactError(f"expected TensorRT {plan.tensorrt}, but: {error}; {_INSTALL}") from error
        plan.require_here(trt.__version__, gpu)
        engine = trt.Runtime(trt.Logger(trt.Logger.ERROR)).deserialize_cuda_engine(plan.content)
        if engine is None:
            raise ArtefactError(f"expected a plan that TensorRT {trt.__version__} can load; its log above says more")
        return cls(trt, plan, engine)

    @classmethod
    def version(cls) -> str:
        """See `Engine`."""
        import tensorrt as trt

        return str(trt.__version__)

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """See `Engine`; at most as many images as the plan was built for.

        Raises:
            ArtefactError: if there are more, or TensorRT fails.
        """
        if len(batch) > self._most[INPUT_NAME][0]:
            raise ArtefactError(f"batch: expected at most {self._most[INPUT_NAME][0]} images, got {len(batch)}")
        with self._lock:
            if not self._context.set_input_shape(INPUT_NAME, batch.shape):
                raise ArtefactError(f"batch: expected a shape of the plan's profile, got {batch.shape}")
            self._buffers.upload(INPUT_NAME, batch.astype(np.float32, copy=False))  # no more than its block holds
            if not self._context.execute_async_v3(self._buffers.stream):
                raise ArtefactError(
                    "TensorRT: expected it to compute the batch, but it failed; its log above says more"
                )
            self._buffers.wait()
            return {
                name: self._buffers.download(name, tuple(self._context.get_tensor_shape(name)), self._dtypes[name])
                for name in self.outputs
            }

    def close(self) -> None:
        """See `Engine`."""
        self._buffers.close()
        self._context = self._engine = None

    def _input(self, name: str) -> InputTensor:
        shape = tuple(None if side < 0 else int(side) for side in self._engine.get_tensor_shape(name))
        return InputTensor(name, shape, self._dtypes[name].name)


def _size(shape: tuple[int, ...], dtype: "np.dtype[Any]") -> int:
    return int(np.prod(shape)) * dtype.itemsize
