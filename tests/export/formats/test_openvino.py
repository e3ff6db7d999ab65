"""What is exported for OpenVINO answers as the ONNX file that it was made from, and holds the same card."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import onnx
import pytest

from gsam_edge.export.formats.onnx import read_card as read_onnx_card
from gsam_edge.export.formats.openvino import OpenVinoConfig, graph_inputs, read_card, to_openvino
from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.archive import pack, unpack
from gsam_edge.runtime.engines.openvino import FILES, GRAPH_FILE, WEIGHTS_FILE
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tensors import InputTensor

pytest.importorskip("openvino", reason='pip install "gsam_edge[openvino]"')

SUFFIX = ".openvino.zip"
EXACT = OpenVinoConfig(weights="float32", inference_precision="f32")


@pytest.fixture(scope="module")
def edge_openvino(edge_onnx):
    return to_openvino(edge_onnx, EXACT)


def with_graph(content, old, new):
    files = unpack(content, FILES)
    assert old in files[GRAPH_FILE]
    return pack(files | {GRAPH_FILE: files[GRAPH_FILE].replace(old, new)})


def answers(content, suffix, canvases):
    with closing(open_engine(content, suffix, threads=1)) as engine:
        return [engine.run(canvas) for canvas in canvases]


def test_single_precision_answers_as_onnx_runtime_does(edge_onnx, edge_openvino, canvases):
    pairs = zip(answers(edge_onnx, ".onnx", canvases), answers(edge_openvino, SUFFIX, canvases), strict=True)
    for expected, found in pairs:
        assert {name: array.dtype for name, array in found.items()} == {
            name: array.dtype for name, array in expected.items()
        }
        np.testing.assert_array_equal(found["class_ids"], expected["class_ids"])
        np.testing.assert_allclose(found["boxes"], expected["boxes"], atol=0.01)
        np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-4)
        np.testing.assert_allclose(found["masks"], expected["masks"], atol=1e-3)


def test_integers_stay_integers(edge_int8):
    assert len(unpack(to_openvino(edge_int8, EXACT), FILES)[WEIGHTS_FILE]) < len(edge_int8)


def test_the_card_and_the_input_are_the_onnx_files(edge_onnx, edge_openvino):
    assert read_card(edge_openvino) == read_onnx_card(edge_onnx)
    assert graph_inputs(edge_openvino) == (InputTensor("images", (1, 3, 64, 64), "float32"),)


def test_a_batch_of_any_size_becomes_one_of_one_image(blob_onnx, canvases):
    model = onnx.load_from_string(blob_onnx)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    content = to_openvino(model.SerializeToString(), EXACT)
    assert graph_inputs(content) == (InputTensor("images", (1, 3, 64, 64), "float32"),)
    (expected,), (found,) = answers(blob_onnx, ".onnx", canvases[:1]), answers(content, SUFFIX, canvases[:1])
    np.testing.assert_allclose(found["scores"], expected["scores"], atol=1e-5)


def test_same_file_same_bytes_and_half_the_weights_half_the_size(edge_onnx, edge_openvino):
    assert to_openvino(edge_onnx, EXACT) == edge_openvino
    halved = to_openvino(edge_onnx, EXACT.model_copy(update={"weights": "float16"}))
    assert len(halved) < 0.7 * len(edge_openvino)


def test_threads_that_share_an_engine_get_their_own_answers(blob_onnx, canvases):
    with closing(open_engine(to_openvino(blob_onnx, EXACT), SUFFIX, threads=1)) as engine:
        alone = [engine.run(canvas)["boxes"] for canvas in canvases]
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(lambda canvas: engine.run(canvas)["boxes"], canvases * 5))
    np.testing.assert_array_equal(np.stack(together), np.stack(alone * 5))


def test_an_answer_stays_when_the_next_is_computed(blob_onnx, canvases):
    with closing(open_engine(to_openvino(blob_onnx, EXACT), SUFFIX, threads=1)) as engine:
        first = engine.run(canvases[0])
        kept = {name: array.copy() for name, array in first.items()}
        engine.run(canvases[1])
    for name, array in first.items():
        np.testing.assert_array_equal(array, kept[name])


def test_a_device_that_there_is_not_is_refused(edge_openvino):
    with pytest.raises(ArtefactError, match=r"providers: expected some of .*'CPU'.*, got \['ABACUS'\]"):
        open_engine(edge_openvino, SUFFIX, threads=1, providers=["ABACUS"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'<inference_precision value="f32"', b'<inference_precision value="f64"', "metadata inference_precision"),
        (b"<gsam_edge_task ", b"<some_task ", "gsam_edge_task"),
        (b"framework>", b"elsewhere>", "metadata inference_precision"),
        (b'<image_size value="64"', b'<image_size value="32"', "expected float32"),
    ],
)
def test_a_file_that_lies_is_refused(old, new, message, edge_openvino):
    with pytest.raises(ArtefactError, match=message):
        open_engine(with_graph(edge_openvino, old, new), SUFFIX, threads=1)


def test_weights_that_are_cut_off_are_refused(edge_openvino):
    files = unpack(edge_openvino, FILES)
    half = files[WEIGHTS_FILE][: len(files[WEIGHTS_FILE]) // 2]
    with pytest.raises(ArtefactError, match="expected a graph that OpenVINO can read"):
        open_engine(pack(files | {WEIGHTS_FILE: half}), SUFFIX, threads=1)
