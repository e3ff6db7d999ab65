"""Memory of a CUDA GPU for an engine, through the runtime API of `cuda-python`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision.errors import UserError

_DEVICE = 0


class CudaError(UserError):
    """A call of CUDA that failed: there is no GPU, no driver, or no memory."""


class CudaBuffers:
    """One block of memory per tensor on the first GPU, and a stream for the work on them.

    Attributes:
        addresses: where each tensor's block begins.
        stream: handle of the stream.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        """Takes blocks of so many bytes, by tensor.

        Raises:
            CudaError: if the GPU does not have them.
        """
        from cuda.bindings import runtime

        self._cuda = runtime
        self.addresses: dict[str, int] = {}
        self.stream = int(self._call("cudaStreamCreate"))
        try:
            for name, size in sizes.items():
                self.addresses[name] = int(self._call("cudaMalloc", size))
        except CudaError:
            self.close()
            raise

    def upload(self, name: str, values: NDArray[Any]) -> None:
        """Copies an array into its block."""
        whole = np.ascontiguousarray(values)
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpy", self.addresses[name], whole.ctypes.data, whole.nbytes, kind)

    def download(self, name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Returns a copy of the beginning of a block as an array."""
        values = np.empty(shape, dtype)
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpy", values.ctypes.data, self.addresses[name], values.nbytes, kind)
        return values

    def wait(self) -> None:
        """Waits for the work on the stream."""
        self._call("cudaStreamSynchronize", self.stream)

    def close(self) -> None:
        """Gives everything back."""
        for address in self.addresses.values():
            self._call("cudaFree", address)
        self._call("cudaStreamDestroy", self.stream)
        self.addresses = {}

    def _call(self, name: str, *arguments: Any) -> Any:
        return _checked(self._cuda, name, *arguments)


def gpu_name() -> str:
    """Returns the first GPU's name and compute capability, such as "Orin (8.7)".

    Raises:
        CudaError: if there is none.
        ModuleNotFoundError: if `cuda-python` is not installed.
    """
    from cuda.bindings import runtime

    properties = _checked(runtime, "cudaGetDeviceProperties", _DEVICE)
    return f"{properties.name.decode().rstrip(chr(0))} ({properties.major}.{properties.minor})"


def _checked(runtime: Any, name: str, *arguments: Any) -> Any:
    """Calls a function of CUDA's runtime, which returns its status and, for some, a value."""
    status, *values = getattr(runtime, name)(*arguments)
    if status != runtime.cudaError_t.cudaSuccess:
        raise CudaError(f"CUDA: expected a GPU that does {name}{arguments}, got {status.name}")
    return values[0] if values else None
