"""Checks before a run that inputs exist and come from the same dataset, and that scene and seed are valid."""

import shlex
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines, settings
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline
from kedro.validation import ParameterValidationError

from gsam_edge.augmentation import AugmentationConfig, Description, build, describe, description_for, rules_with
from gsam_edge.augmentation.names import AugmentationError
from gsam_edge.coco import Annotations
from gsam_edge.coco.provenance import require_one_split
from gsam_edge.hooks.tracking import steps_of

SPLITS = ("annotations_train", "annotations_val", "annotations_test")
#: Images without labels.
POOLS = ("annotations_pool", "annotations_unlabelled")
#: Ends of the names of the parameters that hold the IoU of a suppression.
SUPPRESSION = (".nms_iou", ".iou_threshold")
#: Most missing inputs that are named.
_MOST_NAMED = 3
SCENE, RULES = "params:scene", "params:augmentation_rules"


class InputHooks:
    """Checks before the first node that inputs exist and come from the same dataset."""

    def __init__(self) -> None:
        self._needed_by: dict[str, list[str]] = {}

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuses to start without an input, or with splits that are empty or of another dataset.

        Raises:
            ParameterValidationError: see `check_descriptions`, `check_seed` and `check_suppression`.
            DatasetError: if an input is missing (see `require_earlier_steps`, or the dataset's own message), or the
                splits are not of this dataset.
            InvalidDatasetError: if they are parts of two splits of it.
        """
        check_descriptions(pipeline, catalog)
        check_seed(pipeline, catalog)
        check_suppression(catalog, run_params.get("env"))
        self._needed_by = _nodes_that_need_splits(pipeline)
        inputs = sorted(name for name in pipeline.inputs() if not name.startswith("params:"))
        splits = [name for name in inputs if name.startswith("annotations_")]
        missing = [name for name in ["raw_annotations"] * bool(splits) + inputs if not catalog.exists(name)]
        require_earlier_steps(missing, pipeline, run_params)
        for name in missing:
            catalog.load(name)
        parts = {name: catalog.load(name) for name in splits}
        for name, annotations in parts.items():
            raw = catalog["raw_annotations"]
            self._refuse_empty(name, annotations)
            if annotations.source != raw.digest() and not _is_present_pool(name, annotations, catalog):
                raise DatasetError(
                    f"{name}: expected a split of {raw._filepath}, got one of another dataset by an earlier run; "
                    "run the pipeline data_validation first, or give the same --params=dataset=... again"
                )
        if parts:
            require_one_split(parts)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Ends the run at an empty split that later nodes need, instead of after the training.

        Raises:
            DatasetError: if the split is empty.
        """
        if dataset_name in self._needed_by:
            self._refuse_empty(dataset_name, data)

    def _refuse_empty(self, name: str, annotations: Annotations) -> None:
        nodes = ", ".join(self._needed_by.get(name, []))
        if nodes and not annotations.images:
            part = name.removeprefix("annotations_")
            raise DatasetError(
                f"{name}: expected images for {nodes}, got an empty split; give split.{part} a share (or name images "
                "for it, where the splits are ready-made), or run the pipelines that do without it one by one"
            )


def require_earlier_steps(missing: list[str], pipeline: Pipeline, run_params: dict[str, Any]) -> None:
    """Checks that no input is missing that an earlier step of the job makes.

    Args:
        missing: inputs that are not there.
        pipeline: what is to run.
        run_params: of the run: its environment and its dataset go into the command that helps.

    Raises:
        DatasetError: if one is; the message names these steps, and a command that runs them and this one.
    """
    if not missing:
        return
    pipelines.set_requested(None)  # with --pipeline Kedro knows only that one
    whole = pipelines["__default__"]
    steps = steps_of(whole)
    made_by = {name: node.namespace for node in whole.nodes for name in node.outputs}
    lacking = {name: step for name in missing if (step := made_by.get(name)) is not None}
    if not lacking:
        return
    asked = [step for step in steps_of(pipeline) if step in steps]
    needed = {step for name in lacking for step in _steps_before(name, whole)} | set(asked)
    named = ", ".join(f"{name} (of {step})" for name, step in list(lacking.items())[:_MOST_NAMED])
    more = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
    env, given = run_params.get("env"), run_params.get("runtime_params") or {}
    command = ["kedro", "run", f"--tags={','.join(step for step in steps if step in needed)}"]
    command += [f"--env={env}"] if env else []
    command += [f"--params=dataset={given['dataset']}"] if "dataset" in given else []
    raise DatasetError(
        f"{' + '.join(asked) or 'the run'}: expected what earlier steps leave, found no {named}{more}. They run "
        f"together with: {shlex.join(command)}"
    )


def _steps_before(name: str, whole: Pipeline) -> set[str]:
    """Returns the steps that a dataset is made by, from the first one on."""
    return {node.namespace or node.name for node in whole.to_outputs(name).nodes}


def _is_present_pool(name: str, annotations: Annotations, catalog: DataCatalog) -> bool:
    """Whether these are the images without labels beside the present splits.

    They have no labels, so they stay what they were when those of the splits were corrected.
    """
    return name in POOLS and annotations.split_digest == catalog.load(SPLITS[0]).split_digest


def _nodes_that_need_splits(pipeline: Pipeline) -> dict[str, list[str]]:
    """Returns by split the nodes that need its images; the validation report and the pool also take empty splits."""
    needed_by: dict[str, list[str]] = {}
    for node in pipeline.nodes:
        for name in set(SPLITS) & set(node.inputs):
            if not {"validation_report", *POOLS} & set(node.outputs):
                needed_by.setdefault(name, []).append(node.name)
    return needed_by


def check_descriptions(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Builds the augmentation of every training, so that an error shows before the first node.

    Raises:
        ParameterValidationError: if a word is not in the rules, or a parameter in the rules not in albumentations.
    """
    if SCENE not in pipeline.inputs():
        return
    # Not `catalog.load`, which would log every parameter on the console.
    scene, rules = catalog[SCENE].load(), rules_with(catalog[RULES].load())
    try:
        describe(Description(**scene.model_dump(), intensity="low"), rules)
    except AugmentationError as error:
        raise ParameterValidationError(f"scene: {error}") from error
    for name, augmentation in augmentations(pipeline, catalog).items():
        try:
            description = description_for(augmentation, scene, rules)
            if description is not None:
                build(description, rules)
        except AugmentationError as error:
            raise ParameterValidationError(f"{name}.augmentation: {error}") from error


def augmentations(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, AugmentationConfig]:
    """Returns each training's augmentation config by the name of its parameters; those set to null are left out."""
    names = sorted(name for name in pipeline.inputs() if name.startswith("params:"))
    made = {name.removeprefix("params:"): getattr(catalog[name].load(), "augmentation", None) for name in names}
    return {name: each for name, each in made.items() if isinstance(each, AugmentationConfig)}


def check_seed(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Checks the seed before the first node; NumPy's own error would come later and not name the parameter.

    Raises:
        ParameterValidationError: if it is not a whole number that NumPy's generators take.
    """
    if "params:seed" not in pipeline.inputs():
        return
    seed = catalog["params:seed"].load()
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ParameterValidationError(f"seed: expected a whole number from 0 to 2**32 - 1, got {seed!r}")


def check_suppression(catalog: DataCatalog, env: str | None) -> None:
    """Checks that every teacher and the student suppress boxes at the same overlap.

    They share one value by reference (`suppression_iou` in globals.yml), which an override of one of them would part.

    Args:
        catalog: with the run's parameters.
        env: the run's environment, whose globals.yml is read; None for the default.

    Raises:
        ParameterValidationError: if two of them differ.
    """
    names = sorted(name for name in catalog.keys() if name.endswith(SUPPRESSION))  # noqa: SIM118 - no mapping
    values = {name.removeprefix("params:"): catalog[name].load() for name in names}
    if len(set(values.values())) > 1:
        raise ParameterValidationError(
            f"suppression: expected one IoU for all teachers and the student, got {values}; set suppression_iou in "
            f"conf/{env or settings.CONFIG_LOADER_ARGS['default_run_env']}/globals.yml, which all of them take, and "
            "none of them alone"
        )
