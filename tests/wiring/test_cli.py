"""What is typed: lists in `--params`, the page of all parameters, names that nothing has, notebooks."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from pydantic import BaseModel

from gsam_edge import cli
from gsam_edge.pipeline_registry import UnknownPipelineError, register_pipelines
from gsam_edge.report.parameters import comments_of, parameters_in_words

ROOT = Path(__file__).parents[2]


def read(text: str) -> dict:
    option = next(option for option in cli.run.params if option.name == "params")
    return option.callback(click.Context(cli.run), option, text)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("", {}),
        ("a.b=1,a.c=x", {"a": {"b": 1, "c": "x"}}),
        ("formats=[onnx, onnx_int8],seed=3", {"formats": ["onnx", "onnx_int8"], "seed": 3}),
        ("split.labels={count: 20},a=on", {"split": {"labels": {"count": 20}}, "a": True}),
        ("scene.environment={light: poor, camera: up}", {"scene": {"environment": {"light": "poor", "camera": "up"}}}),
        ("dataset='a, b',seed=1", {"dataset": "a, b", "seed": 1}),
        ("a=[[1, 2], [3]] , b = 2", {"a": [[1, 2], [3]], "b": 2}),
        ("dataset=a=b", {"dataset": "a=b"}),
    ],
)  # fmt: skip
def test_lists_and_mappings_stand_in_params(text, given):
    assert read(text) == given


@pytest.mark.parametrize("text", ["formats=[onnx", "a", "=3", "a=1,b", "a={b: ]", "dataset=a\udcff"])
def test_what_cannot_be_read_is_one_sentence(text):
    with pytest.raises(click.UsageError, match="--params: expected"):
        read(text)


def test_params_are_read_as_kedro_reads_them():
    from kedro.framework.cli.project import run

    kedros = next(option for option in run.params if option.name == "params")
    for text in ("a=1,b.c=x,b.d=1e-3", "dataset=./2024_06_01,seed=7", "a=null,b=off, c = 'x y'"):
        assert read(text) == kedros.callback(click.Context(run), kedros, text)


@pytest.fixture(scope="module")
def models():
    from kedro.validation.type_extractor import TypeExtractor

    configure_project("gsam_edge")
    pipelines.set_requested(None)
    found = TypeExtractor(dict(pipelines)).extract_types_from_pipelines()
    return {name.removeprefix("params:"): kind for name, kind in found.items()}


@pytest.mark.parametrize("env", ["base", "full", "test"])
def test_the_page_holds_every_parameter_of_every_file_with_its_value(models, env):
    values = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
    )["parameters"]
    told = {each.name: each for each in parameters_in_words(values, models, {})}

    def leaves(prefix, value):
        if prefix not in told and isinstance(value, dict):
            for key, part in value.items():
                yield from leaves(f"{prefix}.{key}", part)
        else:
            yield prefix, value

    for name, value in (leaf for key, part in values.items() for leaf in leaves(key, part)):
        assert name in told, name
        if isinstance(value, int | str) and not isinstance(value, bool):
            assert told[name].value.strip("'") == str(value)


def test_every_parameter_of_a_model_says_what_it_means(models):
    """By its comment in conf/base, or by the model."""
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env="base", merge_strategy={"parameters": "soft"}
    )
    comments = comments_of(sorted((ROOT / "conf" / "base").glob("parameters*.yml")))
    told = parameters_in_words(loader["parameters"], models, comments)
    assert len(told) > 200
    silent = [each.name for each in told if "." in each.name and not each.meaning]
    assert not silent


class Inner(BaseModel):
    """A group."""

    rate: float
    kind: str = "a"


def test_the_comment_beside_a_value_is_its_meaning(tmp_path):
    text = "a:   # the block\n  rate: 0.5 # per second # really\n  kind: x#y\nb: {rate: 1, kind: z} # flow\nc: '#no'\n"
    (tmp_path / "parameters.yml").write_text(text)
    comments = comments_of([tmp_path / "parameters.yml"])
    assert comments == {"a": "the block", "a.rate": "per second # really", "b": "flow"}
    told = parameters_in_words({"a": {"rate": 0.5, "kind": "x"}, "seed": 1}, {"a": Inner}, comments)
    assert [(each.name, each.value, each.allowed, each.meaning) for each in told] == [
        ("a.rate", "0.5", "number", "per second # really"),
        ("a.kind", "x", "text", ""),
        ("seed", "1", "", ""),
    ]


def test_the_page_is_told_and_searched(monkeypatch):
    monkeypatch.chdir(ROOT)
    configure_project("gsam_edge")
    runner = CliRunner()
    told = runner.invoke(cli.cli, ["parameters", "evaluation", "threads"])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("evaluation.threads=2   [whole number, ")
    assert "CPU threads that every artefact may use" in told.output
    assert runner.invoke(cli.cli, ["parameters", "nothing_like_it"]).exit_code == 1
    whole = runner.invoke(cli.cli, ["run", "--params=help"])
    assert whole.exit_code == 0
    assert "evaluation.threads=2" in whole.output


def test_a_pipeline_that_nobody_has_is_answered_with_the_nearest(monkeypatch):
    configure_project("gsam_edge")
    try:
        for asked, near in (("validate", "data_validation"), ("evaluate", "evaluation"), ("x-y", None)):
            pipelines.set_requested([asked])
            with pytest.raises(UnknownPipelineError) as told:
                register_pipelines()
            assert f"there is none called {asked!r}" in str(told.value)
            assert near is None or f"did you mean {near!r}?" in str(told.value)
    finally:
        pipelines.set_requested(None)


def test_notebooks_that_are_not_installed_are_one_sentence(monkeypatch):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    told = CliRunner().invoke(cli.cli, ["jupyter", "notebook"])
    assert told.exit_code == 1
    assert "needs the package notebook" in told.output
    assert "NoneType" not in told.output
