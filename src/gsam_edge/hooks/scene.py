"""Warns if a dataset other than the sample is run with scene words that describe the sample."""

import logging
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from gsam_edge.augmentation import SceneDescription, describe, description_for, rules_with
from gsam_edge.hooks.inputs import RULES, SCENE, augmentations

logger = logging.getLogger(__name__)


class SceneHooks:
    """Warns before a user's images are augmented by the sample's scene words."""

    def __init__(self) -> None:
        self._said: list[dict[str, Any]] = []
        self._file = ""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Stores the scene as the user set it, in the environment's files and on the command line."""
        loader = context.config_loader
        env = context.env or loader.default_run_env
        said = [context._runtime_params or {}]
        if env != loader.base_env:
            # Loading globals removes the resolver of ${runtime_params:...}; only the loader's look-ups restore it.
            loader._register_runtime_params_resolver()
            patterns, folder = loader.config_patterns["parameters"], loader._get_conf_env_path(env)
            said.append(loader.load_and_merge_dir_config(folder, patterns, "parameters", set()))
        self._said = [parameters["scene"] for parameters in said if parameters.get("scene")]
        self._file = f"conf/{env}/parameters.yml"

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Warns if a dataset other than the sample would be augmented by words that the user did not set."""
        if SCENE not in pipeline.inputs():
            return
        dataset = Path(catalog["raw_annotations"]._filepath).parent
        if dataset.resolve() == catalog["sample"]._folder.resolve():
            return
        scene, rules = catalog[SCENE].load(), rules_with(catalog[RULES].load())
        unsaid = self._unsaid(scene)
        told = [description_for(each, unsaid, rules) for each in augmentations(pipeline, catalog).values()]
        steps = [step for description in told if description is not None for step in describe(description, rules)]
        acting = {reason.word for step in steps for reason in step.reasons}
        unsaid_words = *unsaid.characteristics, *(f"{factor}: {value}" for factor, value in unsaid.environment.items())
        words = [word for word in unsaid_words if word in acting]
        if words:
            logger.warning(
                "%s: its images are about to be changed by words that describe the sample: %s. Say what is true of "
                "yours in %s (docs/augmentation.md lists the words), or repeat there what is:\n%s",
                dataset,
                ", ".join(words),
                self._file,
                _as_lines(scene),
                extra={"markup": False},  # or the console would read the list in brackets as a style
            )

    def _unsaid(self, scene: SceneDescription) -> SceneDescription:
        """Returns the part of the scene that the user did not set."""
        factors = {factor for said in self._said for factor in said.get("environment", {})}
        return SceneDescription(
            characteristics=() if any("characteristics" in said for said in self._said) else scene.characteristics,
            environment={factor: value for factor, value in scene.environment.items() if factor not in factors},
        )


def _as_lines(scene: SceneDescription) -> str:
    """Returns a scene as it is written in a parameter file."""
    environment = ", ".join(f"{factor}: {value}" for factor, value in scene.environment.items())
    return f"scene:\n  characteristics: [{', '.join(scene.characteristics)}]\n  environment: {{{environment}}}"
