"""The project as Kedro sees it: light to import, every dataset in the catalog, every parameter read."""

import subprocess
import sys
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.io import DataCatalog

from gsam_edge.augmentation import Description, describe

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "transformers",
    "ultralytics",
    "onnxruntime",
    "segment_anything",
    "peft",
    "tensorrt",
    "albumentations",
)


@pytest.fixture(scope="module", autouse=True)
def _project() -> None:
    configure_project("gsam_edge")


def load_config(env: str) -> OmegaConfigLoader:
    return OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
    )


def test_the_registry_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from kedro.framework.project import configure_project, pipelines\n"
        "configure_project('gsam_edge')\n"
        "dict(pipelines)\n"
        f"sys.exit(', '.join(sorted(set({HEAVY!r}) & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_the_default_is_the_five_steps_in_a_row() -> None:
    steps = ("data_validation", "teacher_finetune", "distillation", "optimization", "evaluation")
    together = {node.name for name in steps for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == together


@pytest.mark.parametrize("env", ["base", "test", "full"])
def test_every_dataset_is_in_the_catalog_and_every_parameter_in_a_file(env: str) -> None:
    config = load_config(env)
    catalog = DataCatalog.from_config(config["catalog"])
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    parameters = {name for name in names if name.startswith("params:")}
    for name in names - parameters:
        assert name in catalog, f"{name} would fall through to memory"
    for name in parameters:
        assert name.removeprefix("params:") in config["parameters"], f"{name} stands in no file of env {env}"


@pytest.mark.parametrize("env", ["base", "test", "full"])
def test_every_typed_parameter_is_valid(env: str) -> None:
    from kedro.validation import ParameterValidator

    raw = load_config(env)["parameters"]
    validated = ParameterValidator(dict(pipelines)).validate_raw_params(raw)
    untyped = {name for name, value in validated.items() if isinstance(value, dict)}
    assert not untyped, f"no node types the parameters {sorted(untyped)}"


def test_nodes_are_short() -> None:
    import ast

    for path in (ROOT / "src" / "gsam_edge" / "pipelines").glob("*/nodes.py"):
        for function in ast.parse(path.read_text()).body:
            if isinstance(function, ast.FunctionDef):
                body = function.body[1:] if ast.get_docstring(function) else function.body
                lines = body[-1].end_lineno - body[0].lineno + 1
                assert lines < 15, f"{path.parent.name}.{function.name} has {lines} lines"


def test_one_hook_alone_starts_mlflow_runs() -> None:
    from kedro.framework.session import KedroSession
    from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

    with KedroSession.create(ROOT, save_on_close=False) as session:
        hooks = [type(hook).__name__ for hook in session._hook_manager.get_plugins() if isinstance(hook, MlflowHook)]
    assert hooks == ["TrackingHooks"]


def test_a_run_on_real_data_is_not_augmented_as_the_sample_is(augmentation_rules) -> None:
    """Parameters of conf/full are merged into those of conf/base, whose words are true of the sample only."""
    parameters = load_config("full")["parameters"]
    descriptions = {name: parameters[name]["augmentation"] for name in ("grounding_dino", "sam", "distillation")}
    for name, description in descriptions.items():
        steps = () if description is None else describe(Description(**description), augmentation_rules)
        assert not steps, f"{name}: {[step.transform for step in steps]}"
    own = parameters["distillation"]["training"]["ultralytics"]
    assert (own["fliplr"], own["hsv_h"], own["hsv_s"], own["hsv_v"]) == (0.5, 0.015, 0.7, 0.4)
