"""Store of what a frozen encoder computes, so that it runs once for each image; nothing here imports torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class FeatureStore(Protocol):
    """Tensors by key. A key is a digest of all that they depend on, so that a value never becomes wrong.

    What was put may be gone later: a store is bounded. Who asks computes what is missing.
    """

    def get(self, key: str) -> "dict[str, Tensor] | None":
        """Returns the tensors of a key (a hex digest) on the CPU, or None where they are not kept."""

    def put(self, key: str, tensors: "Mapping[str, Tensor]") -> None:
        """Keeps a copy of the tensors under a key (a hex digest), in the type that they have."""


class MemoryFeatures:
    """A `FeatureStore` in memory, without a bound, for tests and for data that is small."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Tensor]] = {}

    def get(self, key: str) -> "dict[str, Tensor] | None":
        """See `FeatureStore.get`."""
        return self._kept.get(key)

    def put(self, key: str, tensors: "Mapping[str, Tensor]") -> None:
        """See `FeatureStore.put`."""
        self._kept[key] = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
