"""The file of a TensorRT engine: its plan, and beside it what the plan itself does not say.

A plan runs only in the version of TensorRT, and on the model of GPU, that it was built with. It holds code for the GPU:
open only plans that you, or somebody whom you trust, have built.
"""

import json
from dataclasses import dataclass

from gsam_edge.runtime.archive import pack, unpack
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.tensors import InputTensor

_LABEL, _PLAN = "label.json", "student.plan"
_MAX_LABEL_BYTES = 1_000_000


@dataclass(frozen=True)
class Plan:
    """A TensorRT engine as a file.

    Attributes:
        card: the student's metadata.
        tensorrt: version of TensorRT that built it.
        gpu: the GPU that it was built on, see `cuda.gpu_name`.
        inputs: what is fed to it, as the builder read it from the network.
        content: the serialised engine.
    """

    card: Card
    tensorrt: str
    gpu: str
    inputs: tuple[InputTensor, ...]
    content: bytes

    def to_bytes(self) -> bytes:
        """Returns the artefact's file."""
        label = {
            "card": self.card.to_properties(),
            "tensorrt": self.tensorrt,
            "gpu": self.gpu,
            "inputs": [[tensor.name, list(tensor.shape), tensor.dtype] for tensor in self.inputs],
        }
        return pack({_LABEL: json.dumps(label, ensure_ascii=False).encode(), _PLAN: self.content})

    @classmethod
    def from_bytes(cls, content: bytes) -> "Plan":
        """The inverse of `to_bytes`; needs neither TensorRT nor a GPU.

        Raises:
            ArtefactError: if it is no such file.
        """
        files = unpack(content, (_LABEL, _PLAN))
        written, plan = files[_LABEL], files[_PLAN]
        if len(written) > _MAX_LABEL_BYTES:
            raise ArtefactError(f"{_LABEL}: expected at most {_MAX_LABEL_BYTES} bytes, got {len(written)}")
        try:
            label = json.loads(written)
            properties = {str(key): str(value) for key, value in label["card"].items()}
            inputs = tuple(
                InputTensor(str(name), tuple(None if side is None else int(side) for side in shape), str(dtype))
                for name, shape, dtype in label["inputs"]
            )
            tensorrt, gpu = str(label["tensorrt"]), str(label["gpu"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtefactError(f"{_LABEL}: expected card, tensorrt, gpu and inputs, but: {error!r:.200}") from error
        return cls(Card.from_properties(properties), tensorrt, gpu, inputs, plan)

    def require_here(self, tensorrt: str, gpu: str) -> None:
        """Checks that the plan belongs to this version of TensorRT and this GPU.

        Raises:
            ArtefactError: if it does not.
        """
        if (self.tensorrt, self.gpu) != (tensorrt, gpu):
            raise ArtefactError(
                f"plan: expected one for TensorRT {tensorrt} and the GPU {gpu}, which are here, got one for TensorRT "
                f"{self.tensorrt} and {self.gpu}; a plan runs only where it was built: export the student again on "
                "this device"
            )
