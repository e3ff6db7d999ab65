"""The interface of an engine."""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tensors import InputTensor


@runtime_checkable
class Engine(Protocol):
    """An opened artefact, which takes a network input and nothing else.

    Several threads may call `run` at the same time: an engine whose backend allows only one holds a lock around it.

    Attributes:
        suffixes: suffixes of the files that it opens, such as ".onnx".
        device: where it computes unless `providers` say otherwise, "cpu" or "cuda".
        card: the artefact's metadata.
        inputs: everything that can be fed to it, also what has a default.
        outputs: names of what `run` gives, in the artefact's order.
    """

    suffixes: ClassVar[tuple[str, ...]]
    device: ClassVar[str]
    card: Card
    inputs: tuple[InputTensor, ...]
    outputs: tuple[str, ...]

    @classmethod
    def open(cls, content: bytes, *, threads: int, providers: Sequence[str]) -> "Engine":
        """Loads an artefact.

        Args:
            content: the file's content.
            threads: CPU threads within one operator; 0 lets the backend choose.
            providers: where to compute, by the backend's own names, the first that can; none is its default.

        Raises:
            ArtefactError: if the backend cannot load the content or does not have a provider, or the content holds no
                card.
        """
        ...

    @classmethod
    def version(cls) -> str:
        """Returns the backend's installed version."""
        ...

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Returns the raw outputs by name for one network input, float32 [1, 3, S, S], RGB in 0..1.

        The arrays are the caller's: no later call writes into them.
        """
        ...

    def close(self) -> None:
        """Frees what the artefact holds; nothing is run after it."""
        ...
