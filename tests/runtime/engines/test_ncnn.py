"""What ncnn's text of a graph says must be fed to it is all that ncnn takes; its memory is its own."""

import sys
from contextlib import closing

import numpy as np
import pytest

from gsam_edge.runtime import ArtefactError, Card
from gsam_edge.runtime.archive import pack, pack_properties
from gsam_edge.runtime.decode import Decoding
from gsam_edge.runtime.engines.ncnn import FILES, NcnnEngine, read_inputs
from gsam_edge.runtime.tensors import InputTensor

IMAGES = "Input images 0 1 images 0=8 1=8 2=4"
BODY = ["Split halves 1 2 images left right", "ReLU first 1 1 left distributions", "ReLU second 1 1 right logits"]


def graph(layers, counts=None):
    counts = f"{len(layers)} 5" if counts is None else counts
    return "\n".join(["7767517", counts, *layers, ""]).encode()


def artefact(param):
    card = Card("detect", ("a",), 8, "yolov8", "0.1.0")
    decoding = Decoding((8,), 1, 5, 5, 0.5, 0.01, suppressed=True, masks=False)
    properties = pack_properties(card.to_properties() | decoding.to_properties())
    return pack(dict(zip(FILES, (param, b"", properties), strict=True)))


def test_the_image_is_read_with_its_shape():
    assert read_inputs(graph([IMAGES, *BODY])) == (InputTensor("images", (1, 4, 8, 8), "float32"),)


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ([IMAGES, "Input words 0 1 prompt", *BODY], ["images", "prompt"]),
        (["Input images 0 2 images prompt 0=8 1=8 2=4", *BODY], ["images", "prompt"]),
        ([IMAGES, "Split words 0 1 prompt", *BODY], ["images", "prompt"]),
        ([IMAGES, "MemoryData constant 0 1 constant 0=1", *BODY], ["images"]),
    ],
)
def test_every_tensor_that_no_layer_computes_counts_as_an_input(layers, names):
    assert [tensor.name for tensor in read_inputs(graph(layers))] == names


@pytest.mark.parametrize(
    ("param", "message"),
    [
        (graph([IMAGES, *BODY], "5 6 Input words 0 1 prompt"), "4 lines of layers, where it counts '5 6 Input words"),
        (graph([IMAGES, *BODY], "3 5"), "4 lines of layers, where it counts '3 5'"),
        (graph([IMAGES, "BinaryOp sum 2 1 images prompt both"]), r"'sum', which reads \['prompt'\], given by no layer"),
        (graph([IMAGES, "ReLU"]), "expected ncnn's text of a graph"),
        (b"7767517", "expected ncnn's text of a graph"),
        (b"\xff\n", "expected ncnn's text of a graph"),
    ],
)
def test_a_graph_that_hides_what_it_takes_is_refused(param, message):
    """ncnn reads a layer on the line of the counts, and lets a tensor be fed that no layer gives."""
    with pytest.raises(ArtefactError, match=rf"student\.param: .*{message}"):
        read_inputs(param)


def test_a_layer_that_works_in_place_leaves_the_callers_image_alone():
    pytest.importorskip("ncnn", reason='pip install "gsam_edge[ncnn]"')
    canvas = np.full((1, 4, 8, 8), -1, np.float32)
    with (
        closing(NcnnEngine.open(artefact(graph([IMAGES, *BODY])), threads=1, providers=())) as engine,
        pytest.raises(ArtefactError, match=r"distributions: expected \[4, 1\], got \[4, 8, 8\]"),
    ):
        engine.run(canvas)
    assert (canvas == -1).all()


def test_without_ncnn_one_line_says_how_it_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(ArtefactError, match=r"expected ncnn, .*: pip install ncnn"):
        NcnnEngine.open(b"", threads=1, providers=())
