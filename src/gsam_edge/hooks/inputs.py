"""What a run starts from: inputs that exist and belong together, words that are known, checkpoints of a killed run."""

from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation import ParameterValidationError

from gsam_edge.augmentation import AugmentationConfig, Description, build, describe, description_for, rules_with
from gsam_edge.augmentation.names import AugmentationError
from gsam_edge.coco import Annotations

if TYPE_CHECKING:
    from gsam_edge.training.checkpoints import FolderCheckpoints

SPLITS = ("annotations_train", "annotations_val", "annotations_test")
SCENE, RULES = "params:scene", "params:augmentation_rules"


class InputHooks:
    """What a run needs is looked for before the first node, and belongs together."""

    def __init__(self) -> None:
        self._needed_by: dict[str, list[str]] = {}

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Refuses to start without an input, or with splits that are empty or that another dataset left.

        Raises:
            ParameterValidationError: see `check_descriptions` and `check_seed`.
            DatasetError: if an input is missing (the dataset's own message), or the splits are not of this dataset.
        """
        check_descriptions(pipeline, catalog)
        check_seed(pipeline, catalog)
        self._needed_by = _nodes_that_need_splits(pipeline)
        inputs = sorted(name for name in pipeline.inputs() if not name.startswith("params:"))
        splits = [name for name in inputs if name.startswith("annotations_")]
        for name in ["raw_annotations"] * bool(splits) + inputs:
            if not catalog.exists(name):
                catalog.load(name)
        for name in splits:
            raw = catalog["raw_annotations"]
            annotations = catalog.load(name)
            self._refuse_empty(name, annotations)
            if annotations.source != raw.digest():
                raise DatasetError(
                    f"{name}: expected a split of {raw._filepath}, got one of another dataset by an earlier run; "
                    "run the pipeline data_validation first, or give the same --params=dataset=... again"
                )

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Ends the run at an empty split that later nodes need: better now than after the training.

        Raises:
            DatasetError: if it is one.
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


def _nodes_that_need_splits(pipeline: Pipeline) -> dict[str, list[str]]:
    """By split, the nodes that work on its images; the report on the splits also knows empty ones."""
    needed_by: dict[str, list[str]] = {}
    for node in pipeline.nodes:
        for name in set(SPLITS) & set(node.inputs):
            if "validation_report" not in node.outputs:
                needed_by.setdefault(name, []).append(node.name)
    return needed_by


def check_descriptions(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Builds what every training makes of the scene, before hours are spent on the nodes before its use.

    Raises:
        ParameterValidationError: if the rules do not know a word, or albumentations not a parameter that they name.
    """
    if SCENE not in pipeline.inputs():
        return
    # Not `catalog.load`, which would announce every parameter to the user.
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
    """What each training of a pipeline makes of the scene, by the name of its parameters; without those set to null."""
    names = sorted(name for name in pipeline.inputs() if name.startswith("params:"))
    made = {name.removeprefix("params:"): getattr(catalog[name].load(), "augmentation", None) for name in names}
    return {name: each for name, each in made.items() if isinstance(each, AugmentationConfig)}


def check_seed(pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Looks at the seed before the first node, where NumPy's own message would come in the midst of some function.

    Raises:
        ParameterValidationError: if it is no whole number that NumPy's generators take.
    """
    if "params:seed" not in pipeline.inputs():
        return
    seed = catalog["params:seed"].load()
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ParameterValidationError(f"seed: expected a whole number from 0 to 2**32 - 1, got {seed!r}")


class CheckpointHooks:
    """The state of a training is kept until its result is safely stored."""

    def __init__(self) -> None:
        self._folders: dict[tuple[str, str], FolderCheckpoints] = {}

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """Keeps the very handle that the node is given: it knows which state the node's training opened."""
        if dataset_name.endswith("_checkpoints"):
            self._folders[node.name, dataset_name] = data

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Clears a node's checkpoints once its last output is written."""
        if dataset_name == node.outputs[-1]:
            for name in node.inputs:
                if name.endswith("_checkpoints"):
                    self._folders.pop((node.name, name)).clear()
