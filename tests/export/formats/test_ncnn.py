"""A student in ncnn: its outputs are PyTorch's, it is one file that holds its card, and what is wrong is said."""

from contextlib import closing

import numpy as np
import pytest

from gsam_edge.export.format import NotBuilt
from gsam_edge.export.formats.ncnn import Ncnn, NcnnConfig
from gsam_edge.export.parity import torch_outputs
from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.archive import pack, unpack
from gsam_edge.runtime.engines.ncnn import FILES, PARAM_FILE, WEIGHTS_FILE, NcnnEngine
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tensors import InputTensor

pytest.importorskip("ncnn", reason="pip install gsam_edge[ncnn]")
pytest.importorskip("pnnx", reason="pip install gsam_edge[ncnn]")

CONFIG = NcnnConfig(timeout_s=300)


@pytest.fixture(scope="module")
def data():
    from gsam_edge.coco import Annotations
    from gsam_edge.export.format import BuildData

    nobody = Annotations((), (), ())
    return BuildData(nobody, nobody, {}, seed=0, threads=1)


@pytest.fixture(scope="module")
def content(edge_student, data):
    return Ncnn().build(edge_student, data, CONFIG)


def test_its_outputs_are_those_of_pytorch(content, edge_student, canvases):
    with closing(open_engine(content, ".ncnn.zip", threads=1)) as engine:
        for canvas in canvases:
            answers, expected = engine.run(canvas), torch_outputs(edge_student, canvas)
            assert np.count_nonzero(expected["scores"]) > 5
            assert list(answers) == list(expected)
            for name, reference in expected.items():
                np.testing.assert_allclose(answers[name], reference, rtol=1e-3, atol=1e-3)


def test_several_images_are_answered_in_their_order(content, canvases):
    with closing(NcnnEngine.open(content, threads=1, providers=())) as engine:
        together = engine.run(np.concatenate(canvases[:2]))
        for row, canvas in enumerate(canvases[:2]):
            np.testing.assert_array_equal(together["boxes"][row : row + 1], engine.run(canvas)["boxes"])


def test_the_file_holds_its_card_and_says_its_one_input(content, card):
    assert Ncnn().read_card(content) == card
    assert Ncnn().inputs(content) == (InputTensor("images", (1, 3, 64, 64), "float32"),)


def test_a_student_that_does_not_tell_its_decoding_is_not_built(blob_student, data):
    assert isinstance(Ncnn().build(blob_student, data, CONFIG), NotBuilt)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        (PARAM_FILE, lambda file: file.replace(b"Convolution ", b"Abacus ")),
        (PARAM_FILE, lambda file: b"no graph"),
        (WEIGHTS_FILE, lambda file: file[:1000]),
    ],
)
def test_a_damaged_file_is_refused(content, name, changed):
    files = unpack(content, FILES)
    with pytest.raises(ArtefactError, match=name):
        NcnnEngine.open(pack(files | {name: changed(files[name])}), threads=1, providers=())


def test_a_provider_is_refused(content):
    with pytest.raises(ArtefactError, match="providers: expected none"):
        NcnnEngine.open(content, threads=1, providers=("vulkan",))
