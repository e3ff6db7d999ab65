"""The project as Kedro sees it: light to import, every dataset in the catalog, every parameter read."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.io import DataCatalog
from kedro_viz.services.layers import sort_layers

from gsam_edge.augmentation import AugmentationConfig, SceneDescription, describe, description_for

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "transformers",
    "ultralytics",
    "onnxruntime",
    "segment_anything",
    "peft",
    "albumentations",
    "ai_edge_litert",
    "executorch",
    "ncnn",
    "onnx",
    "openvino",
    "tensorrt",
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


def test_the_default_is_all_steps_in_a_row() -> None:
    measured = ("data_validation", "teacher_finetune", "distillation", "optimization", "evaluation")
    steps = (*measured, "review", "report", "bundle")
    together = {node.name for name in steps for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == together


@pytest.mark.parametrize("env", ["base", "test", "full"])
def test_the_layers_have_an_order(env: str) -> None:
    """Where they close a circle kedro-viz shows none of them; a step is a box, so all of its inputs stand before it."""
    catalog = DataCatalog.from_config(load_config(env)["catalog"])
    pipeline = pipelines["__default__"]
    nodes, children = {}, {}
    for name in pipeline.datasets():
        described = {} if name.startswith("param") else catalog[name].metadata or {}
        nodes[name] = SimpleNamespace(layer=described.get("kedro-viz", {}).get("layer"))
        children[name] = {out for node in pipeline.only_nodes_with_inputs(name).nodes for out in node.outputs}
    steps = {node.namespace: pipelines[node.namespace] for node in pipeline.nodes}
    for step, part in steps.items():
        nodes[step] = SimpleNamespace(layer=None)
        for name in part.inputs():
            children[name].add(step)
        read_elsewhere = {name for other in steps.values() if other is not part for name in other.inputs()}
        children[step] = part.outputs() | part.all_outputs() & read_elsewhere
    assert sort_layers(nodes, children) == [
        "01_raw",
        "06_models (bases)",
        "02_intermediate",
        "06_models (teachers)",
        "02_intermediate (teacher labels)",
        "06_models (student)",
        "07_model_output",
        "08_reporting",
        "06_models (bundle)",
    ]


@pytest.mark.parametrize("env", ["base", "test", "full"])
def test_every_dataset_is_in_the_catalog_and_every_parameter_in_a_file(env: str) -> None:
    config = load_config(env)
    catalog, in_files = DataCatalog.from_config(config["catalog"]), config["parameters"]
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    parameters = {name for name in names if name.startswith("params:")}
    for name in names - parameters:
        assert name in catalog, f"{name} would fall through to memory"
    for name in parameters:
        assert name.removeprefix("params:") in in_files, f"{name} stands in no file of env {env}"


@pytest.mark.parametrize("env", ["base", "test", "full"])
def test_every_typed_parameter_is_valid(env: str) -> None:
    from kedro.validation import ParameterValidator

    raw = load_config(env)["parameters"]
    validated = ParameterValidator(dict(pipelines)).validate_raw_params(raw)
    untyped = {name for name, value in validated.items() if isinstance(value, dict)}
    assert not untyped, f"no node types the parameters {sorted(untyped)}"


def test_a_misspelt_key_fails_in_every_typed_parameter() -> None:
    """Nodes say the class of each parameter in a form that Kedro understands, also where `inputs` is a dict."""
    from kedro.validation import ParameterValidationError, ParameterValidator

    validator = ParameterValidator(dict(pipelines))
    raw = load_config("base")["parameters"]
    typed = [name for name, value in raw.items() if isinstance(value, dict)]
    assert len(typed) > 10
    for name in typed:
        with pytest.raises(ParameterValidationError, match="mispelt"):
            validator.validate_raw_params(raw | {name: raw[name] | {"mispelt": 1}})


def test_more_than_five_inputs_are_named() -> None:
    """A list of ten datasets is matched to arguments by counting."""
    for pipeline in pipelines.values():
        for node in pipeline.nodes:
            assert isinstance(node._inputs, dict) or len(node.inputs) <= 5, node.name


def test_every_pipeline_is_one_box_that_unfolds_and_one_tag() -> None:
    """kedro-viz opens on the namespaces; datasets and parameters keep their names."""
    for name, pipeline in pipelines.items():
        if name != "__default__":
            assert {(node.namespace, *node.tags) for node in pipeline.nodes} == {(name, name)}
            assert not [dataset for dataset in pipeline.datasets() if dataset.startswith(f"{name}.")]
    whole = pipelines["__default__"]
    assert whole.only_nodes_with_tags("distillation").nodes == pipelines["distillation"].nodes
    assert "evaluation.compare" in {node.name for node in whole.from_nodes("distillation.distil_student").nodes}


def test_one_hook_alone_starts_mlflow_runs() -> None:
    from kedro.framework.session import KedroSession
    from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook

    with KedroSession.create(ROOT, save_on_close=False) as session:
        hooks = [type(hook).__name__ for hook in session._hook_manager.get_plugins() if isinstance(hook, MlflowHook)]
    assert hooks == ["TrackingHooks"]


def told(env: str, rules) -> dict[str, list[tuple]]:
    """What each training does to images with the parameters of an environment: transforms, probabilities, strengths."""
    parameters = load_config(env)["parameters"]
    scene = SceneDescription(**parameters["scene"])
    steps = {}
    for name in ("grounding_dino", "sam", "distillation"):
        plain = parameters[name]["augmentation"]
        description = description_for(None if plain is None else AugmentationConfig(**plain), scene, rules)
        steps[name] = () if description is None else describe(description, rules)
    return {name: [(step.transform, step.p, dict(step.strength)) for step in each] for name, each in steps.items()}


def test_the_samples_recipes_are_those_of_the_published_figures(augmentation_rules) -> None:
    """One scene and what each training leaves out of it give these transforms, in this order."""
    mirrored = [("HorizontalFlip", 0.5, {}), ("VerticalFlip", 0.5, {})]
    brighter = {"brightness_limit": (-0.06, 0.06), "contrast_limit": (-0.15, 0.15)}
    light = [("RandomBrightnessContrast", 0.3, brighter), ("RandomGamma", 0.3, {"gamma_limit": (82, 125)})]
    colours = {"brightness": (0.75, 1.25), "hue": (-0.02, 0.02)}
    assert told("base", augmentation_rules) == {
        "grounding_dino": [
            *mirrored,
            ("PlasmaShadow", 0.3, {"shadow_intensity_range": (0.2, 0.45)}),
            ("RandomSunFlare", 0.3, {"src_radius": 45, "num_flare_circles_range": (1, 2)}),
            *light,
            ("ColorJitter", 0.4, {**colours, "saturation": (0.7, 1.3)}),
        ],
        "sam": [*mirrored, *light, ("ColorJitter", 0.4, {**colours, "saturation": (0.8, 1.2)})],
        "distillation": [
            *mirrored,
            ("ThinPlateSpline", 0.5, {"scale_range": (0.02, 0.06)}),
            ("ElasticTransform", 0.6, {"alpha": 1300.0}),
            ("PlasmaShadow", 0.5, {"shadow_intensity_range": (0.35, 0.65)}),
            ("RandomSunFlare", 0.5, {"src_radius": 75, "num_flare_circles_range": (1, 3)}),
            ("PlasmaBrightnessContrast", 0.5, {"brightness_range": (-0.2, 0.2), "contrast_range": (-0.2, 0.2)}),
            ("RandomBrightnessContrast", 0.5, {"brightness_limit": (-0.1, 0.1), "contrast_limit": (-0.25, 0.25)}),
            ("RandomGamma", 0.5, {"gamma_limit": (70, 150)}),
            ("ColorJitter", 0.6, {"brightness": (0.55, 1.5), "saturation": (0.5, 1.5), "hue": (-0.045, 0.045)}),
        ],
    }
    assert told("test", augmentation_rules) == told("base", augmentation_rules)


def test_a_run_on_real_data_is_not_augmented_as_the_sample_is(augmentation_rules) -> None:
    """Parameters of conf/full are merged into those of conf/base, whose words are true of the sample only."""
    assert told("full", augmentation_rules) == {"grounding_dino": [], "sam": [], "distillation": []}
    own = load_config("full")["parameters"]["distillation"]["training"]["ultralytics"]
    assert (own["fliplr"], own["hsv_h"], own["hsv_s"], own["hsv_v"]) == (0.5, 0.015, 0.7, 0.4)
