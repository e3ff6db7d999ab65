"""FORMATS, ENGINES and TASKS: every entry keeps its Protocol and has all that a user finds it by."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.io import DataCatalog
from kedro.validation import ParameterValidationError, ParameterValidator
from pydantic import BaseModel

from gsam_edge.coco import Annotations
from gsam_edge.datasets.models import ArtefactDataset
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.export.choice import FormatChoice
from gsam_edge.export.format import MODULE, Format, NotBuilt
from gsam_edge.export.table import FORMATS, REFERENCE
from gsam_edge.pipelines.optimization.nodes import export_as
from gsam_edge.runtime import Card
from gsam_edge.runtime.engines.engine import Engine
from gsam_edge.runtime.engines.table import ENGINES
from gsam_edge.runtime.tasks.table import TASKS
from gsam_edge.runtime.tasks.task import Task

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("base", "test", "full")


@pytest.fixture(scope="module", autouse=True)
def _project() -> None:
    configure_project("gsam_edge")


def load_config(env: str) -> OmegaConfigLoader:
    return OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_keeps_its_protocol_and_has_parameters_and_a_line_in_the_docs(name: str) -> None:
    made_as = FORMATS[name]
    assert isinstance(made_as, Format)
    assert made_as.name == name
    assert made_as.suffix.endswith(ENGINES[made_as.engine].suffixes)
    assert issubclass(made_as.config, BaseModel)
    assert made_as.config.model_config["frozen"]
    assert made_as.config.model_config["extra"] == "forbid"
    for env in ENVIRONMENTS:
        made_as.config.model_validate(load_config(env)["parameters"][name])
    lines = (ROOT / "docs" / "optimisation.md").read_text().splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith(f"| `{name}` | ")]
    source = "the student" if made_as.source == MODULE else f"`{made_as.source}`"
    faster = "yes" if made_as.must_be_faster else "no"
    assert [row[1:5] for row in rows] == [[f"`student{made_as.suffix}`", source, made_as.precision, faster]]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_format_is_in_the_catalog_under_a_file_of_its_own(env: str) -> None:
    catalog = DataCatalog.from_config(load_config(env)["catalog"])
    stages = ("candidate", "student", "candidate_pruned", "student_pruned")
    datasets = [catalog[f"{stage}_{name}"] for name in FORMATS for stage in stages]
    assert all(isinstance(dataset, ArtefactDataset) for dataset in datasets)
    assert len({str(dataset._filepath) for dataset in datasets}) == len(stages) * len(FORMATS)
    # The pattern of the formats takes no other entry's place.
    others = {type(catalog[f"student_{name}"]).__name__ for name in ("weights", "base", "checkpoints")}
    assert others == {"StudentWeightsDataset", "StudentBaseDataset", "CheckpointsDataset"}


def test_a_format_stands_behind_what_it_is_made_from() -> None:
    names = list(FORMATS)
    for place, made_as in enumerate(FORMATS.values()):
        assert made_as.source in (MODULE, *names[:place])


def test_what_is_asked_for_is_built_with_what_it_is_made_from_and_what_it_is_compared_with() -> None:
    for name, made_as in FORMATS.items():
        built = FormatChoice((name,)).built()
        assert built >= {name, REFERENCE} | ({made_as.source} - {MODULE})
        assert all(FORMATS[each].source in {MODULE, *built} for each in built)
    assert FormatChoice.model_validate("onnx+onnx_int8") == FormatChoice(("onnx", "onnx_int8"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["onnx_int"], "no format is called 'onnx_int'; did you mean 'onnx_int8'"),
        (["abacus"], f"no format is called 'abacus'; known are: {', '.join(FORMATS)}"),
        ([], "at least 1"),
        ("", "no format is called ''"),
    ],
)
def test_a_format_that_there_is_not_is_an_error_before_anything_runs(asked: object, message: str) -> None:
    raw = load_config("base")["parameters"]
    with pytest.raises(ParameterValidationError, match=message):
        ParameterValidator(dict(pipelines)).validate_raw_params({**raw, "formats": asked})


def test_a_format_that_nobody_asked_for_is_an_empty_value_with_its_reason() -> None:
    nobody = Annotations((), (), ())
    for name in sorted(set(FORMATS) - FormatChoice((REFERENCE,)).built()):
        config = FORMATS[name].config.model_construct()
        evaluation = EvaluationConfig.model_construct(threads=1)
        made = export_as(name)(b"", FormatChoice((REFERENCE,)), nobody, nobody, {}, config, evaluation, 0)
        assert made == NotBuilt("not asked for: formats")


def test_the_graph_exports_and_measures_every_format() -> None:
    nodes = {node.name: node for name in ("optimization", "evaluation") for node in pipelines[name].nodes}
    gate, comparison = nodes["optimization.gate_artefacts"], nodes["evaluation.compare"]
    for name in FORMATS:
        assert f"optimization.export_{name}" in nodes
        assert f"evaluation.measure_student_{name}" in nodes
        assert f"candidate_{name}" in gate.inputs
        assert f"student_{name}" in gate.outputs
        assert f"measurement_student_{name}" in comparison.inputs


@pytest.mark.parametrize("name", FORMATS)
def test_a_misspelt_parameter_of_a_format_is_an_error_before_anything_runs(name: str) -> None:
    raw = load_config("base")["parameters"]
    with pytest.raises(ParameterValidationError, match="misspelt"):
        ParameterValidator(dict(pipelines)).validate_raw_params({**raw, name: {**raw[name], "misspelt": 1}})


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_keeps_its_protocol_and_has_a_line_in_the_docs(name: str) -> None:
    engine = ENGINES[name]
    instance = engine.__new__(engine)
    vars(instance).update(card=None, inputs=(), outputs=())  # what `open` sets
    assert isinstance(instance, Engine)
    assert f"`{name}`" in (ROOT / "docs" / "extending" / "engine.md").read_text()


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_tells_the_version_of_its_backend(name: str) -> None:
    try:
        assert ENGINES[name].version()
    except ModuleNotFoundError as absent:
        pytest.skip(f"pip install {absent.name}")


def test_no_two_engines_open_the_same_kind_of_file() -> None:
    suffixes = [suffix for engine in ENGINES.values() for suffix in engine.suffixes]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_keeps_its_protocol_and_tells_its_outputs_by_their_number(name: str) -> None:
    task = TASKS[name]
    assert isinstance(task, Task)
    outputs = task.outputs(Card(name, ("a",), 32, "any", "0"))
    assert len({len(names) for names in outputs}) == len(outputs) > 0
    assert f"`{name}`" in (ROOT / "docs" / "extending" / "task.md").read_text()
