"""Words that describe object and scene are looked up before the first node runs; the sample's are not taken for all."""

import logging
from io import StringIO
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.logging import RichHandler
from kedro.pipeline import Pipeline, node
from kedro.validation import ParameterValidationError
from pydantic import BaseModel
from rich.console import Console

from gsam_edge.augmentation import AugmentationConfig, RuleAdditions, SceneDescription
from gsam_edge.datasets.coco import RawCocoDataset
from gsam_edge.datasets.sample import SampleFolderDataset
from gsam_edge.hooks.inputs import check_descriptions
from gsam_edge.hooks.scene import SceneHooks

HIGH = AugmentationConfig(intensity="high", leave_out=())
SHIPPED = {"characteristics": ["changes_shape"], "environment": {"lighting": "variable", "camera": "fixed"}}


class Config(BaseModel):
    augmentation: AugmentationConfig | None


def work(config: object, scene: object, rules: object) -> None:
    """A node that would take hours."""


PIPELINE = Pipeline([node(work, ["params:work", "params:scene", "params:augmentation_rules"], None, name="work")])
OTHER_PIPELINE = Pipeline([node(lambda config: None, ["params:work"], None, name="other")])


def catalog(scene, augmentation=HIGH, dataset="sample", **additions) -> DataCatalog:
    values = {
        "params:work": Config(augmentation=augmentation),
        "params:scene": SceneDescription(**{"characteristics": (), "environment": {}, **scene}),
        "params:augmentation_rules": RuleAdditions.model_validate(additions),
    }
    files = {
        "raw_annotations": RawCocoDataset(filepath=f"data/{dataset}/annotations.json"),
        "sample": SampleFolderDataset(filepath="data/sample"),
    }
    return DataCatalog({name: MemoryDataset(value) for name, value in values.items()} | files)


def test_an_unknown_word_is_named_with_its_place_and_the_nearest():
    with pytest.raises(ParameterValidationError, match=r"^scene: .*'reflective_surface'"):
        check_descriptions(PIPELINE, catalog({"characteristics": ("reflectiv_surface",)}))
    with pytest.raises(ParameterValidationError, match=r"^scene: .*environment.*'lighting'"):
        check_descriptions(PIPELINE, catalog({"environment": {"lightning": "poor"}}))
    with pytest.raises(ParameterValidationError, match=r"^work\.augmentation: leave_out.*'background'"):
        check_descriptions(PIPELINE, catalog({}, AugmentationConfig(intensity="low", leave_out=("backgrund",))))


def test_an_unknown_word_is_named_also_where_every_training_leaves_it_out_or_images_as_they_are():
    scene = {"characteristics": ("reflectiv_surface",)}
    with pytest.raises(ParameterValidationError, match=r"^scene: .*'reflective_surface'"):
        check_descriptions(PIPELINE, catalog(scene, None))


def test_a_parameter_that_albumentations_does_not_know_is_named():
    blur = {"neutral": {"blur_limit": 3}, "settings": {"allow_shiftd": False}}
    with pytest.raises(ParameterValidationError, match=r"work\.augmentation: .*MotionBlur.*'allow_shifted'"):
        check_descriptions(PIPELINE, catalog({"environment": {"camera": "shaky"}}, transforms={"MotionBlur": blur}))


def test_known_words_and_none_pass():
    known = {"characteristics": ("partially_hidden",), "environment": {"camera": "shaky"}}
    check_descriptions(PIPELINE, catalog(known))
    check_descriptions(PIPELINE, catalog({}))
    check_descriptions(PIPELINE, catalog(known, None))


@pytest.fixture
def warned(tmp_path, caplog):
    """What a run says where conf/base ships a scene, and the user's file and command line hold these parameters."""

    def run(local="", runtime=None, env=None, pipeline=PIPELINE, **options) -> list[str]:
        for name, text in (("base", ""), ("local", local), ("full", local)):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "parameters.yml").write_text(text)
        (tmp_path / "base" / "globals.yml").write_text("dataset: data/sample")
        (tmp_path / "base" / "parameters.yml").write_text(f"scene: {SHIPPED}")
        loader = OmegaConfigLoader(
            str(tmp_path), env, runtime, base_env="base", default_run_env="local",
            merge_strategy={"parameters": "soft"},
        )  # fmt: skip
        scene = loader["parameters"]["scene"]
        hooks = SceneHooks()
        hooks.after_context_created(SimpleNamespace(config_loader=loader, env=env, _runtime_params=runtime))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            hooks.before_pipeline_run(pipeline, catalog(scene, **{"dataset": "wagons", **options}))
        return caplog.messages

    return run


def test_the_samples_words_on_another_dataset_are_told_once_with_the_lines_to_set(warned):
    (message,) = warned()
    assert "data/wagons" in message
    assert "changes_shape, lighting: variable." in message, "and not camera: fixed, which changes nothing"
    assert "conf/local/parameters.yml" in message
    lines = "scene:\n  characteristics: [changes_shape]\n  environment: {lighting: variable, camera: fixed}"
    assert message.endswith(lines)
    assert warned(local=lines) == [], "said by the user, they are the user's words"


def test_the_lines_to_set_stand_on_the_console_as_they_are(warned, caplog):
    """Rich takes words in brackets for a style where nobody tells it not to."""
    warned()
    console = Console(file=StringIO(), width=200)
    RichHandler(console=console).emit(caplog.records[0])
    assert "characteristics: [changes_shape]" in console.file.getvalue()


def test_nothing_is_told_of_the_sample_or_where_no_training_sees_the_words(warned):
    assert warned(dataset="sample") == []
    assert warned(dataset="../data/sample") == []
    assert warned(pipeline=OTHER_PIPELINE) == []
    assert warned(augmentation=None) == []
    assert warned(augmentation=AugmentationConfig(intensity="low", leave_out=("changes_shape", "lighting"))) == []


def test_what_the_user_did_not_say_is_told(warned):
    """A factor of the environment that the user's file does not name keeps the sample's value."""
    (message,) = warned(local="scene: {characteristics: [changes_size]}")
    assert "the sample: lighting: variable." in message
    (message,) = warned(local="scene: {environment: {lighting: poor}}", runtime={"seed": 3})
    assert "the sample: changes_shape." in message
    assert warned(local="scene: {characteristics: [], environment: {lighting: poor}}") == []
    assert warned("scene: {characteristics: []}", {"scene": {"environment": {"lighting": "poor"}}}) == []


def test_the_file_to_set_is_that_of_the_environment(warned):
    assert "conf/full/parameters.yml" in warned(env="full")[0]
    assert warned("scene: {characteristics: [], environment: {lighting: stable}}", env="full") == []
    assert len(warned(env="base")) == 1


def test_a_file_of_the_user_may_refer_to_globals_and_to_the_command_line(warned):
    local = "dataset: ${globals:dataset}\nseed: ${runtime_params:seed}\nscene: {characteristics: []}"
    assert "the sample: lighting: variable." in warned(local, {"seed": 3})[0]
