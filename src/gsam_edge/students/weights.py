"""Weights and settings of a trained student, in memory and as the content of one safetensors file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from gsam_edge import __version__
from gsam_edge.runtime.card import MAX_IMAGE_SIZE, Card
from gsam_edge.students.choice import EdgeConfig, Size, Widths
from gsam_edge.students.table import ARCHITECTURES
from gsam_edge.training.sealed import DamagedTensorsError, require_intact, sealed
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.text import name_fault

_KEY = "gsam_edge_student"
#: Tensors that are counted, not learnt, by the last part of their name.
_COUNTED = {"num_batches_tracked": torch.int64}


class StudentWeightsError(UserError):
    """Bytes that are not a student of this project."""


@dataclass(frozen=True)
class StudentWeights:
    """Weights and settings of a student; its family builds the module.

    Attributes:
        architecture: which network the tensors belong to.
        size: its compound scaling, one of the architecture's; None where it has a single size.
        class_names: class names by class id.
        image_size: side of the square network input in pixels.
        edge: suppression and padding inside the exported student.
        tensors: the network's state by name, on the CPU.
        facts: how it was trained (epochs, seed, initial weights); JSON values.
        split: digest of the train/val/test split it was trained with (`Annotations.split_digest`); None where it was
            not trained on a part of a split.
        widths: of a pruned network; empty for the architecture's own.
    """

    architecture: str
    size: Size
    class_names: tuple[str, ...]
    image_size: int
    edge: EdgeConfig
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)
    split: str | None = None
    widths: Widths = field(default_factory=dict)

    def __repr__(self) -> str:
        """Says which network it is, without its tensors."""
        size = "" if self.size is None else f" {self.size}"
        return f"StudentWeights({self.architecture}{size}, {self.image_size} px, {len(self.class_names)} classes)"

    @property
    def card(self) -> Card:
        """Metadata of an exported model."""
        return replace(self.interface, weights=self.digest)

    @property
    def interface(self) -> Card:
        """The card without `weights`, for running the student in PyTorch: computing that digest copies all tensors."""
        return Card(
            task=ARCHITECTURES[self.architecture].task,
            class_names=self.class_names,
            image_size=self.image_size,
            architecture=self.architecture,
            version=__version__,
            split=self.split,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of settings and tensors as one safetensors file, hexadecimal; `to_bytes` adds a digest to that."""
        return hashlib.sha256(self._unsealed()).hexdigest()

    def half(self) -> Self:
        """Returns the weights in half precision, for a file of half the size; a network is built in full precision."""
        halved = {name: t.half() if t.is_floating_point() else t for name, t in self.tensors.items()}
        return replace(self, tensors=halved)

    def to_bytes(self) -> bytes:
        """Returns the content of one safetensors file that knows its digest, byte-identical for equal weights."""
        return sealed(self._unsealed())

    def _unsealed(self) -> bytes:
        content = {
            "architecture": self.architecture,
            "size": self.size,
            "class_names": self.class_names,
            "image_size": self.image_size,
            "edge": self.edge.model_dump(),
            "facts": self.facts,
            **({} if self.split is None else {"split": self.split}),
            **({"widths": dict(self.widths)} if self.widths else {}),
        }
        tensors = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        return save_safetensors(tensors, {_KEY: json.dumps(content, sort_keys=True)})

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Reads what `to_bytes` wrote.

        Raises:
            StudentWeightsError: if the bytes are not a complete safetensors file with a student's metadata, or changed
                since they were written.
        """
        try:
            tensors = load_safetensors(content)
            require_intact(content)
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            card = json.loads(header["__metadata__"][_KEY])
            edge = EdgeConfig.model_validate(card["edge"])
            weights = cls(
                card["architecture"],
                card["size"],
                _class_names(card["class_names"]),
                card["image_size"],
                edge,
                tensors,
                _of_type("facts", card["facts"], dict),
                _of_type("split", card.get("split"), str, type(None)),
                {name: _width(width) for name, width in card.get("widths", {}).items()},
            )
        except DamagedTensorsError as error:
            raise StudentWeightsError(f"student weights: {error}") from error
        except (
            *(SafetensorError, ValidationError, KeyError, TypeError, ValueError, AttributeError),
            RecursionError,
        ) as error:
            raise StudentWeightsError(
                f"student weights: expected a safetensors file with the metadata {_KEY!r}, got {len(content)} bytes: "
                f"{error!r:.300}"
            ) from error
        if weights.architecture not in list(ARCHITECTURES):  # a list: the file may hold what has no hash
            raise StudentWeightsError(
                f"student weights: architecture: expected one of {list(ARCHITECTURES)}, got "
                f"{weights.architecture!r:.200}"
            )
        sizes = ARCHITECTURES[weights.architecture].sizes or (None,)
        if weights.size not in sizes:
            raise StudentWeightsError(
                f"student weights: size: expected one of {list(sizes)}, which {weights.architecture} has, got "
                f"{weights.size!r:.200}"
            )
        _require_sound(weights)
        return weights


def _require_sound(weights: StudentWeights) -> None:
    """Raises StudentWeightsError at an image size or tensors with which no network computes."""
    stride = ARCHITECTURES[weights.architecture].stride
    size: object = weights.image_size
    if type(size) is not int or not 1 <= size <= MAX_IMAGE_SIZE or size % stride:
        raise StudentWeightsError(
            f"student weights: image_size: expected a multiple of {stride} up to {MAX_IMAGE_SIZE} pixels, got "
            f"{size!r:.80}"
        )
    for name, tensor in weights.tensors.items():
        if tensor.dtype != _COUNTED.get(name.rpartition(".")[2], tensor.dtype if tensor.is_floating_point() else None):
            raise StudentWeightsError(f"student weights: {name}: expected floating-point numbers, got {tensor.dtype}")
        if not bool(torch.isfinite(tensor).all()):
            raise StudentWeightsError(f"student weights: {name}: expected finite numbers, got NaN or infinity")


def _class_names(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"class_names: expected a list of names, at least one, got {names!r:.80}")
    if faults := [fault for name in names if (fault := name_fault(name))]:
        raise ValueError(f"class_names: {faults[0]}")
    return tuple(names)


def _of_type(key: str, value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise ValueError(f"{key}: expected {' or '.join(kind.__name__ for kind in kinds)}, got {value!r:.80}")
    return value


def _width(width: Any) -> tuple[int, int]:
    inputs, outputs = width
    if type(inputs) is not int or type(outputs) is not int:
        raise ValueError(f"widths: expected numbers of channels in and out, got {width!r}")
    return inputs, outputs


def full_precision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns contiguous copies of the tensors, on the CPU, with floating-point ones in float32."""
    return {
        name: (t.float() if t.is_floating_point() else t).detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in tensors.items()
    }
