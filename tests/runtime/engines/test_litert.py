"""A TFLite file runs in LiteRT as the student that it was made from, and is believed only as far as it is checked."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.archive import CARD_FILE, pack, pack_properties
from gsam_edge.runtime.engines.litert import GRAPH_FILE, LiteRtEngine
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tensors import InputTensor
from support.blobs import CARD, SIZE, BlobStudent, blob_canvas

GRAPH = (Path(__file__).parent / "data" / "blob.tflite").read_bytes()
PROPERTIES = CARD.to_properties()
CANVASES = [blob_canvas((0, *red), (1, *green)) for red, green in (((1, 2), (9, 9)), ((15, 0), (3, 12)))]


def artefact(graph=GRAPH, **properties):
    return pack({GRAPH_FILE: graph, CARD_FILE: pack_properties(PROPERTIES | properties)})


def opened(content):
    pytest.importorskip("ai_edge_litert", reason='pip install "gsam_edge[litert]"')
    return open_engine(content, ".litert.zip", threads=1)


def changed(change):
    """The graph after `change` of its flatbuffers."""
    pytest.importorskip("ai_edge_litert", reason='pip install "gsam_edge[litert]"')
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(GRAPH, 0)
    change(model, schema)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_it_answers_as_pytorch_does():
    import torch

    with closing(opened(artefact())) as engine:
        assert engine.inputs == (InputTensor("images", (1, 3, SIZE, SIZE), "float32"),)
        assert engine.outputs == ("boxes", "scores", "class_ids", "masks")
        for canvas in CANVASES:
            with torch.no_grad():
                expected = BlobStudent().eval()(torch.from_numpy(canvas))
            answers = engine.run(canvas)
            assert list(answers) == list(engine.outputs)
            found = np.count_nonzero(answers["scores"])
            assert found == 2
            for name, reference in zip(engine.outputs, expected, strict=True):
                assert answers[name].dtype == reference.numpy().dtype
                np.testing.assert_allclose(answers[name][:, :found], reference[:, :found], rtol=1e-4, atol=1e-5)


def test_several_images_are_answered_in_their_order_and_answers_stay():
    with closing(opened(artefact())) as engine:
        alone = [engine.run(canvas) for canvas in CANVASES]
        together = engine.run(np.concatenate(CANVASES))
    for name, array in together.items():
        np.testing.assert_array_equal(array, np.concatenate([answer[name] for answer in alone]))


def test_threads_that_share_an_engine_get_their_own_answers():
    with closing(opened(artefact())) as engine:
        alone = [engine.run(canvas)["boxes"] for canvas in CANVASES]
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(lambda canvas: engine.run(canvas)["boxes"], CANVASES * 5))
    np.testing.assert_array_equal(np.stack(together), np.stack(alone * 5))


@pytest.mark.parametrize("graph", [b"", b"no graph", GRAPH[: len(GRAPH) // 2], GRAPH[:100] + bytes(1000)])
def test_a_damaged_graph_is_refused(graph):
    with pytest.raises(ArtefactError, match=r"student\.tflite: expected a (TFLite )?graph"):
        opened(artefact(graph))


def test_a_card_that_is_not_the_graphs_is_refused():
    with pytest.raises(ArtefactError, match=r"expected float32 \[1 or any, 3, 32, 32\] by the card"):
        opened(artefact(image_size="32"))


def test_a_prompt_that_the_signature_does_not_name_counts_as_an_input():
    def with_prompt(model, schema):
        graph = model.subgraphs[0]
        prompt = schema.TensorT()
        prompt.name, prompt.shape, prompt.type, prompt.buffer = b"prompt", [1, 2], schema.TensorType.FLOAT32, 0
        graph.tensors.append(prompt)
        graph.inputs = [*graph.inputs, len(graph.tensors) - 1]

    with pytest.raises(ArtefactError, match=r"expected exactly one input, 'images', got .*'prompt'"):
        opened(artefact(changed(with_prompt)))


def test_a_second_graph_such_as_a_loop_has_is_refused():
    def with_loop(model, schema):
        model.subgraphs.append(model.subgraphs[0])

    with pytest.raises(ArtefactError, match="expected one graph without loops and branches, got 2"):
        opened(artefact(changed(with_loop)))


def test_outputs_of_other_names_are_refused():
    def renamed(model, schema):
        model.signatureDefs[0].outputs[0].name = b"answers"

    with pytest.raises(ArtefactError, match=r"expected the outputs \['boxes', .*\], got .*'answers'"):
        opened(artefact(changed(renamed)))


def test_a_provider_is_refused():
    pytest.importorskip("ai_edge_litert", reason='pip install "gsam_edge[litert]"')
    with pytest.raises(ArtefactError, match="providers: expected none"):
        LiteRtEngine.open(artefact(), threads=1, providers=("gpu",))


def test_without_litert_one_line_says_how_it_is_installed(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("ai_edge_litert")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(ArtefactError, match=r"expected ai_edge_litert.*: pip install ai-edge-litert"):
        LiteRtEngine.open(b"", threads=1, providers=())
