"""Weights files of Ultralytics, read without running anything in them.

Such a file is a pickle of a whole model. Here no class of it is ever built: a record takes the place of each, and from
the records come the tensors, the definition of the network and the names of its classes. The network is built anew.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from gsam_edge.vision.errors import FileError

#: What a file may name. Anything else has no business in a model.
_KNOWN = re.compile(
    r"ultralytics\.nn\.(tasks|modules)\.[\w.]+|torch\.nn\.modules\.[\w.]+"
    r"|ultralytics\.(yolo\.)?utils\.(IterableSimpleNamespace|(loss|tal)\.\w+)"  # "yolo." before 8.0.44
    r"|numpy\.(dtype|_?core\.multiarray\.scalar)|pathlib\.(_local\.)?(Posix|Windows)Path|builtins\.getattr"
)


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        definition: of the network, as Ultralytics' YAML files have it; JSON values.
        class_names: by class id of the weights.
        tensors: the network's state by name, floating-point ones in float32.
    """

    definition: dict[str, Any]
    class_names: tuple[str, ...]
    tensors: dict[str, Tensor]


class _Record:
    """Stands for an object of any class: it keeps the state that the file gives it, and does nothing."""

    def __init__(self, *_: Any) -> None:
        """Takes whatever the file would build the object from."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


def read_checkpoint(path: Path) -> Checkpoint:
    """The content of a `.pt` file as Ultralytics saves it: the averaged weights (EMA) where it holds both.

    What it gives is never larger than the file itself, so that a small file cannot use up the memory.

    Raises:
        FileError: if it is damaged, names anything but layers, holds no model, or unpacks to more than its own size.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > size:
            raise ValueError(f"expected entries that are not compressed, got {unpacked} bytes in a file of {size}")
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        foreign = sorted(name for name in named if not _KNOWN.fullmatch(name))
        if foreign:
            raise FileError(
                "expected weights as Ultralytics saves them, which name layers of ultralytics.nn and "
                f"torch.nn alone, got a file that names {foreign[:5]}; it was not opened. Save the weights with a "
                "present Ultralytics, from a training of detect or segment"
            )
        with torch.serialization.safe_globals([(_Record, name) for name in named]):
            content = torch.load(path, map_location="cpu", weights_only=True)
        model = (content.get("ema") or content.get("model")) if isinstance(content, dict) else None
        if not isinstance(model, _Record):
            raise FileError("expected a model under 'model', as Ultralytics saves it, got none")
        definition = json.loads(json.dumps(vars(model).get("yaml")))
        names = _class_names(vars(model).get("names"))
        tensors: dict[str, Tensor] = {}
        for name, tensor in _state(model, "", set()):
            size -= tensor.numel() * tensor.element_size()
            if size < 0 or tensor.is_meta or tensor.layout != torch.strided:
                raise ValueError(f"{name}: expected a tensor whose values are in the file, got {list(tensor.shape)}")
            tensors[name] = tensor.float() if tensor.is_floating_point() else tensor
        return Checkpoint(definition, names, tensors)
    except (
        zipfile.BadZipFile,
        UnpicklingError,
        MemoryError,
        OverflowError,
        RuntimeError,
        EOFError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
    ) as error:  # what readers raise on such files
        raise FileError(f"expected a weights file of Ultralytics, but: {error}") from error


def _class_names(names: Any) -> tuple[str, ...]:
    listed = [names.get(class_id) for class_id in range(len(names))] if isinstance(names, dict) else names
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"expected the names of its classes by number, got {names!r:.200}")
    return tuple(listed)


def _state(module: Any, prefix: str, met: set[int]) -> Iterator[tuple[str, Tensor]]:
    """The state of a module and all modules in it, named as `nn.Module.state_dict` names it.

    Args:
        module: the record of the module.
        prefix: of the names.
        met: ids of the modules before, which are left out: a file may hold one in itself, or a thousand times.
    """
    met.add(id(module))
    held = vars(module)
    passing = held.get("_non_persistent_buffers_set", ())  # modules saved before torch 1.6 have none
    for name, tensor in {**held["_parameters"], **held["_buffers"]}.items():
        if isinstance(tensor, Tensor) and name not in passing:
            yield prefix + name, tensor.detach()
    for name, child in held["_modules"].items():
        if child is not None and id(child) not in met:
            yield from _state(child, f"{prefix}{name}.", met)
