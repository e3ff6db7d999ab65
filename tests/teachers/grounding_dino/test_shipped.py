"""The weights that the project ships are what their card says."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from gsam_edge.synthetic import SAMPLE_CLASSES
from gsam_edge.synthetic.workshop import WORKSHOP_WORDS, WorkshopConfig
from gsam_edge.teachers.grounding_dino.config import PretrainGroundingDinoConfig
from gsam_edge.teachers.grounding_dino.model import load_grounding_dino
from gsam_edge.teachers.grounding_dino.pretrain import held_out_ap50

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "data/06_models/base/grounding_dino"
SAMPLE_WORDS = {word for name in SAMPLE_CLASSES for word in name.split()}


@pytest.fixture(scope="module")
def shipped():
    return load_grounding_dino(str(FOLDER))


def test_it_is_small_and_holds_no_code():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 15 * 2**20
    assert {path.suffix for path in FOLDER.iterdir()} <= {".json", ".safetensors", ".md"}


def test_the_samples_words_are_new_to_it_but_can_be_spelled(shipped):
    assert not SAMPLE_WORDS & set(WORKSHOP_WORDS)
    tokenizer = shipped.processor.tokenizer
    for word in SAMPLE_WORDS:
        assert tokenizer.unk_token not in tokenizer.tokenize(word)


@pytest.mark.slow
def test_it_finds_what_it_is_asked_for_in_scenes_it_never_saw(shipped):
    conf = OmegaConfigLoader(conf_source=str(ROOT / "conf"), base_env="base", default_run_env="base")
    parameters = conf["parameters"]
    config = PretrainGroundingDinoConfig.model_validate(parameters["pretrain_grounding_dino"])
    world = WorkshopConfig.model_validate(parameters["grounding_dino_world"])
    assert held_out_ap50(shipped, config, world, seed=0) >= 0.75
