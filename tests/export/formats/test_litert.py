"""A student for LiteRT: what is not there is said, and where the converter is, its outputs are PyTorch's."""

import importlib.util
import logging
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.export.build import build_artefact
from gsam_edge.export.format import BuildData, NotBuilt
from gsam_edge.export.formats.litert import LiteRt, LiteRtConfig, LiteRtInt8, LiteRtInt8Config, quantize, to_litert
from gsam_edge.export.parity import ParityConfig, Tolerances, compare_with_torch, torch_outputs
from gsam_edge.runtime.archive import CARD_FILE, pack, pack_properties, unpack
from gsam_edge.runtime.engines.litert import FILES, GRAPH_FILE
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tensors import InputTensor

CONVERTER = Path(__file__).parents[3] / ".venv-litert" / "bin" / "python"
CONFIG = LiteRtConfig(converter=CONVERTER, timeout_s=3000)
ABSENT = LiteRtConfig(converter=Path("absent/python"), timeout_s=60)
NOBODY = Annotations((), (), ())
DATA = BuildData(NOBODY, NOBODY, {}, seed=0, threads=1)

converting = pytest.mark.skipif(
    not CONVERTER.exists() or importlib.util.find_spec("ai_edge_litert") is None,
    reason='pip install "gsam_edge[litert]" && make litert-converter',
)


@pytest.fixture
def litert_is_there(monkeypatch):
    """Nothing of the package is needed until a graph is opened."""
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))


def test_without_the_converter_it_is_not_built_and_says_what_makes_it(blob_student, litert_is_there):
    made = build_artefact(LiteRt(), blob_student, DATA, ABSENT)
    assert isinstance(made, NotBuilt)
    assert made.why.startswith("not built here: expected the converter's environment at absent/python")
    assert made.why.endswith("make litert-converter")


def test_without_the_runtime_it_is_not_built_and_both_commands_are_said(blob_student, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with caplog.at_level(logging.WARNING):
        made = build_artefact(LiteRt(), blob_student, DATA, ABSENT)
    command = 'pip install "gsam_edge[litert]" && make litert-converter'
    assert made == NotBuilt(f"the package ai_edge_litert is not installed; {command}")


def stand_in(tmp_path, lines):
    """A converter that does what a shell says, in its folder."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncd "$4"\n{lines}\n')
    python.chmod(0o755)
    return python


def test_the_program_is_handed_over_and_the_card_says_who_converted_it(blob_student, tmp_path):
    done = """echo '{"converter": "any 1"}' > done.json; cat job.json > student.tflite; test -s student.pt2"""
    config = LiteRtConfig(converter=stand_in(tmp_path, done), timeout_s=60)
    content = to_litert(blob_student, config)
    assert LiteRt().read_card(content).notes == ("converted by any 1",)
    assert LiteRt().read_card(content).class_names == blob_student.card.class_names
    for said in (b'"input": "images"', b'"shape": [1, 3, 64, 64]', b'["boxes", "scores", "class_ids", "masks"]'):
        assert said in unpack(content, FILES)[GRAPH_FILE]


def test_int8_gets_the_graph_and_every_canvas_once(card, canvases, tmp_path):
    source = pack({GRAPH_FILE: b"graph", CARD_FILE: pack_properties(card.to_properties())})
    kept = tmp_path / "kept.npy"
    done = f"""cp canvases.npy {kept}; echo '{{"converter": "any 1", "operators": 7}}' > done.json
cat student.tflite > student_int8.tflite"""
    config = LiteRtConfig(converter=stand_in(tmp_path, done), timeout_s=60)
    content = quantize(source, canvases, config, threads=2)
    assert unpack(content, FILES)[GRAPH_FILE] == b"graph"
    np.testing.assert_array_equal(np.load(kept), np.concatenate(canvases))
    (note,) = LiteRtInt8().read_card(content).notes
    assert "any 1, 7 operators" in note
    assert f"over {len(canvases)} images" in note


def test_int8_without_the_converter_is_not_built_either(blobs_split, litert_is_there):
    source, data = blobs_split
    config = LiteRtInt8Config(converter=Path("absent/python"), timeout_s=60, calibration_images=2)
    made = LiteRtInt8().build(source, data, config)
    assert isinstance(made, NotBuilt)
    assert "make litert-converter" in made.why


@pytest.fixture
def blobs_split(card, canvases):
    """An artefact's source and a training split of which it can have been made."""
    from gsam_edge.coco.annotations import Annotations as Split

    images = tuple({"id": index, "file_name": f"{index}.png", "width": 64, "height": 64} for index in range(3))
    categories = tuple({"id": index, "name": name} for index, name in enumerate(card.class_names))
    split = Split(images, (), categories)
    pixels = {f"{index}.png": (canvases[index][0].transpose(1, 2, 0) * 255).astype(np.uint8) for index in range(3)}
    source = pack({GRAPH_FILE: b"graph", CARD_FILE: pack_properties(card.to_properties())})
    return source, BuildData(split, split, pixels, seed=0, threads=1)


@pytest.fixture(scope="module")
def content(edge_student):
    return to_litert(edge_student, CONFIG)


@converting
@pytest.mark.slow
def test_its_outputs_are_those_of_pytorch(content, edge_student, canvases, card):
    assert LiteRt().inputs(content) == (InputTensor("images", (1, 3, 64, 64), "float32"),)
    with closing(open_engine(content, ".litert.zip", threads=1)) as engine:
        for canvas in canvases:
            answers, expected = engine.run(canvas), torch_outputs(edge_student, canvas)
            assert np.count_nonzero(expected["scores"]) > 5
            assert list(answers) == list(expected)
            for name, reference in expected.items():
                np.testing.assert_allclose(answers[name], reference, rtol=1e-3, atol=1e-3)


@converting
@pytest.mark.slow
def test_int8_is_smaller_and_finds_the_same_objects_about_where_they_are(content, edge_student, canvases):
    small = quantize(content, canvases, CONFIG, threads=1)
    assert len(small) < 0.4 * len(content)
    wide = Tolerances(box_tolerance=4, score_tolerance=0.1, mask_tolerance=0.5, stage_tolerance=1)
    config = ParityConfig(**wide.model_dump(), images=6, score_threshold=0.25, match_iou=0.5, agreement=0.5, half=wide)
    with closing(open_engine(small, "_int8.litert.zip", threads=1)) as engine:
        compared = compare_with_torch(edge_student, engine, canvases, config)
    assert compared.within_tolerance, compared


@converting
@pytest.mark.slow
def test_the_graph_of_the_engines_tests_is_what_is_converted(blob_student, canvases):
    data = Path(__file__).parents[2] / "runtime" / "engines" / "data" / "blob.tflite"
    kept = pack({GRAPH_FILE: data.read_bytes(), CARD_FILE: pack_properties(blob_student.card.to_properties())})
    answers = []
    for made in (kept, to_litert(blob_student, CONFIG)):
        with closing(open_engine(made, ".litert.zip", threads=1)) as engine:
            answers.append(engine.run(canvases[0]))
    for name, array in answers[0].items():
        np.testing.assert_allclose(array, answers[1][name], atol=1e-5)
