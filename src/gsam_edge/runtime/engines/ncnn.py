"""Runs an exported student in ncnn, for the processors of phones and small boards.

ncnn has no operators that choose rows by their score: its network gives raw outputs, which `runtime.decode` reads.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.runtime.archive import CARD_FILE, unpack, unpack_properties
from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.decode import Decoder, Decoding
from gsam_edge.runtime.tasks.table import INPUT_NAME
from gsam_edge.runtime.tensors import InputTensor

#: The files in the artefact: the graph as text, the weights, and the card's properties.
PARAM_FILE, WEIGHTS_FILE = "student.param", "student.bin"
FILES = (PARAM_FILE, WEIGHTS_FILE, CARD_FILE)

_CONSTANT = "MemoryData"  # the one layer that needs no input


class NcnnEngine:
    """A network of ncnn on the CPU, in single precision; threads may share it, each call is by itself; see `Engine`."""

    suffixes: ClassVar[tuple[str, ...]] = (".ncnn.zip",)
    device: ClassVar[str] = "cpu"

    def __init__(self, net: Any, properties: dict[str, str], inputs: tuple[InputTensor, ...]) -> None:
        """Wraps an `ncnn.Net`; see `open`."""
        self._net = net
        self.card = Card.from_properties(properties)
        self._decoding = Decoding.from_properties(properties)
        self._decode = Decoder(self._decoding, self.card.image_size)
        self.inputs = inputs
        self.outputs = ("boxes", "scores", "class_ids", "masks")[: 4 if self._decoding.masks else 3]

    @classmethod
    def open(cls, content: bytes, *, threads: int, providers: Sequence[str]) -> "NcnnEngine":
        """See `Engine`; there is one provider, the CPU, which needs no name."""
        try:
            import ncnn
        except ModuleNotFoundError as error:
            raise ArtefactError(f"expected {error.name}, which runs such files: pip install ncnn") from error
        if providers:
            raise ArtefactError(f"providers: expected none, ncnn computes on the CPU here, got {list(providers)}")
        files = unpack(content, FILES)
        properties = unpack_properties(files[CARD_FILE])
        inputs = read_inputs(files[PARAM_FILE])
        net = ncnn.Net()
        options = net.opt
        if threads:
            options.num_threads = threads
        options.use_vulkan_compute = False
        # Outputs equal PyTorch's: on ARM, ncnn would compute in half precision of its own accord.
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        _load(net, files)
        return cls(net, properties, inputs)

    @classmethod
    def version(cls) -> str:
        """See `Engine`."""
        return version("ncnn")

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """See `Engine`."""
        answers = [self._decode(self._raw(canvas)) for canvas in np.ascontiguousarray(batch, np.float32)]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in self.outputs}

    def close(self) -> None:
        """See `Engine`."""
        self._net.clear()

    def _raw(self, canvas: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Returns the raw outputs of one canvas [3, S, S], copied out of ncnn's memory."""
        import ncnn

        raw = []
        with self._net.create_extractor() as extractor:
            # a copy in ncnn's own memory: a layer that works in place crashes on memory that is not
            extractor.input(INPUT_NAME, ncnn.Mat(canvas).clone())
            for name in self._decoding.raw_outputs:
                code, value = extractor.extract(name)
                if code != 0:
                    raise ArtefactError(f"ncnn: expected the output {name!r}, got error {code}")
                raw.append(np.array(value))
        return raw


def read_inputs(param: bytes) -> tuple[InputTensor, ...]:
    """Returns everything that must be fed to a network, read from ncnn's text of its graph.

    Its first line is a number, its second the counts of layers and tensors. Each other line is a layer: its type, its
    name, the numbers of its inputs and outputs, their names, and parameters `key=value`; those of an input are 0, 1 and
    2 for width, height and channels.

    Raises:
        ArtefactError: if it is no such text, or a layer reads what no layer before it gives.
    """
    try:
        magic, counts, *lines = param.decode().splitlines()
        if magic.strip() != "7767517":
            raise ValueError(f"it begins with {magic[:20]!r}")
        layers = [line.split() for line in lines if line.strip()]
        # ncnn itself goes on to read layers on the line of the counts
        if len(counts.split()) != 2 or int(counts.split()[0]) != len(layers):
            raise ValueError(f"{len(layers)} lines of layers, where it counts {counts[:40]!r}")
        inputs: list[InputTensor] = []
        given: set[str] = set()
        for kind, name, input_count, output_count, *rest in layers:
            start, end = int(input_count), int(input_count) + int(output_count)
            if missing := set(rest[:start]) - given:
                raise ValueError(f"the layer {name!r}, which reads {sorted(missing)}, given by no layer before it")
            given.update(rest[start:end])
            if start == 0 and kind != _CONSTANT:
                sizes = dict(field.split("=") for field in rest[end:])
                shape = tuple(int(sizes[key]) if key in sizes else None for key in ("2", "1", "0"))
                inputs += [InputTensor(tensor, (1, *shape), "float32") for tensor in rest[:end]]
        return tuple(inputs)
    except ValueError as error:
        raise ArtefactError(f"{PARAM_FILE}: expected ncnn's text of a graph, got {error}") from error


def _load(net: Any, files: dict[str, bytes]) -> None:
    """Loads graph and weights; the weights by way of a file, since ncnn's loader from memory knows no length."""
    if net.load_param_mem(files[PARAM_FILE].decode()) != 0:
        raise ArtefactError(f"{PARAM_FILE}: expected layers that ncnn {version('ncnn')} has, got others")
    with TemporaryDirectory(prefix="gsam_edge_ncnn_") as folder:
        path = Path(folder, WEIGHTS_FILE)
        path.write_bytes(files[WEIGHTS_FILE])
        if net.load_model(str(path)) != 0:
            raise ArtefactError(f"{WEIGHTS_FILE}: expected the graph's weights, got {path.stat().st_size} other bytes")
