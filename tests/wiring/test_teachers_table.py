"""Every teacher of the table has its parameters, catalog entries, place in the graph and line in the docs."""

from pathlib import Path

import numpy as np
import pytest
from kedro.framework.project import configure_project, pipelines
from kedro.io import DataCatalog
from kedro.validation import ParameterValidationError, ParameterValidator

from gsam_edge.datasets.models import AdapterDataset, TeacherBaseDataset
from gsam_edge.teachers.outlining.config import OutliningConfig
from gsam_edge.teachers.outlining.prompts import jitter_boxes
from gsam_edge.teachers.table import TEACHERS
from support.tuning import environment

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _project() -> None:
    configure_project("gsam_edge")


@pytest.mark.parametrize("env", ["base", "test", "full"])
@pytest.mark.parametrize("name", TEACHERS)
def test_a_teacher_has_parameters_catalog_entries_and_a_line_in_the_docs(name: str, env: str) -> None:
    family, config = TEACHERS[name], environment(env)
    assert family.name == name
    family.config.model_validate(config["parameters"][name])
    catalog = DataCatalog.from_config(config["catalog"])
    base, adapter = catalog[f"{name}_base"], catalog[f"{name}_adapter"]
    assert (type(base), type(adapter)) == (TeacherBaseDataset, AdapterDataset)
    assert base._family is family
    assert f"`{name}`" in (ROOT / "docs" / "extending" / "teacher.md").read_text()


@pytest.mark.parametrize("name", TEACHERS)
@pytest.mark.parametrize("pipeline", ["teacher_finetune", "augmentation_preview"])
def test_a_misspelt_key_of_a_teacher_is_refused_by_each_pipeline_that_reads_it(pipeline: str, name: str) -> None:
    """Kedro drops the check where a node is no plain function with annotations."""
    parameters = environment("base")["parameters"]
    validator = ParameterValidator({pipeline: pipelines[pipeline]})
    assert isinstance(validator.validate_raw_params(parameters)[name], TEACHERS[name].config)
    with pytest.raises(ParameterValidationError, match="stepps"):
        validator.validate_raw_params({**parameters, name: {**parameters[name], "stepps": 3}})


def test_the_graph_shows_every_teacher() -> None:
    made = set(TEACHERS)
    assert {node.name for node in pipelines["teacher_finetune"].nodes} == {
        f"teacher_finetune.{node}"
        for node in ("report_teachers", "plot_teacher_curves", *(f"tune_{name}" for name in made))
    }
    for pipeline, name in (
        ("distillation", "label_with_teachers"),
        ("distillation", "label_test_images"),
        ("evaluation", "measure_teacher"),
    ):
        (node,) = (node for node in pipelines[pipeline].nodes if node.name == f"{pipeline}.{name}")
        assert {f"{n}_{part}" for n in made for part in ("base", "adapter")} < set(node.inputs)


def test_todays_teachers_have_adapters_on_linear_layers_alone() -> None:
    """Convolutions can be adapted, too: the adapters that ship with the parameters stay the ones of before."""
    import re

    from torch import nn

    from gsam_edge.teachers.lora.targets import adaptable_layers

    for name in ("grounding_dino", "sam"):
        model = TEACHERS[name].load(str(ROOT / "data/06_models/base" / name), allow_download=False).model
        kinds = {name: type(module) for name, module in model.named_modules()}
        for env in ("base", "full"):
            targets = environment(env)["parameters"][name]["lora"]["targets"]
            adapted = [layer for layer in adaptable_layers(model) if re.fullmatch(targets, layer)]
            assert adapted
            assert {kinds[layer] for layer in adapted} == {nn.Linear}


@pytest.mark.parametrize("env", ["base", "full"])
@pytest.mark.parametrize("name", [name for name, family in TEACHERS.items() if family.config is OutliningConfig])
def test_boxes_miss_in_tuning_about_as_a_tuned_detectors_do(name: str, env: str) -> None:
    """Its sides missed by 7.8 % of width or height on average; with 4 % at most, training saw a quarter of that."""
    box = np.tile(np.array([[100, 200, 300, 600]], np.float32), (2000, 1))
    jitter = environment(env)["parameters"][name]["box_jitter"]
    moved = jitter_boxes(np.random.default_rng(0), box, jitter, (800, 400))
    assert 0.05 < np.abs((moved - box) / [200, 400, 200, 400]).mean() < 0.1
