"""A student in ExecuTorch: its outputs are PyTorch's, it is one file that holds its card, and what is wrong is said."""

from contextlib import closing

import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.export.format import BuildData
from gsam_edge.export.formats.executorch import ExecuTorch, ExecuTorchConfig
from gsam_edge.export.parity import torch_outputs
from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.archive import pack, unpack
from gsam_edge.runtime.engines.executorch import FILES, PROGRAM_FILE, ExecuTorchEngine
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tensors import InputTensor

pytest.importorskip("executorch", reason="pip install gsam_edge[executorch]")


@pytest.fixture(scope="module")
def content(edge_student):
    nobody = Annotations((), (), ())
    data = BuildData(nobody, nobody, {}, seed=0, threads=1)
    return ExecuTorch().build(edge_student, data, ExecuTorchConfig())


@pytest.mark.slow
def test_its_outputs_are_those_of_pytorch(content, edge_student, canvases):
    with closing(open_engine(content, ".executorch.zip", threads=1)) as engine:
        for canvas in canvases:
            answers, expected = engine.run(canvas), torch_outputs(edge_student, canvas)
            assert np.count_nonzero(expected["scores"]) > 5
            assert list(answers) == list(expected)
            for name, reference in expected.items():
                np.testing.assert_allclose(answers[name], reference, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_several_images_are_answered_in_their_order(content, canvases):
    with closing(ExecuTorchEngine.open(content, threads=1, providers=())) as engine:
        together = engine.run(np.concatenate(canvases[:2]))
        for row, canvas in enumerate(canvases[:2]):
            np.testing.assert_array_equal(together["boxes"][row : row + 1], engine.run(canvas)["boxes"])


@pytest.mark.slow
def test_the_file_holds_its_card_and_says_its_one_input(content, card):
    assert ExecuTorch().read_card(content) == card
    assert ExecuTorch().inputs(content) == (InputTensor("images", (1, 3, 64, 64), "float32"),)


@pytest.mark.slow
def test_a_damaged_program_is_refused(content):
    files = unpack(content, FILES)
    for damaged in (b"no program", files[PROGRAM_FILE][:1000]):
        with pytest.raises(ArtefactError, match=PROGRAM_FILE):
            ExecuTorchEngine.open(pack(files | {PROGRAM_FILE: damaged}), threads=1, providers=())


@pytest.mark.slow
def test_a_provider_is_refused(content):
    with pytest.raises(ArtefactError, match="providers: expected none"):
        ExecuTorchEngine.open(content, threads=1, providers=("vulkan",))
