"""A training's checkpoints go with its last output; those of other configurations stay."""

from pathlib import Path

import pytest
from kedro.framework.hooks.specs import DatasetSpecs, NodeSpecs, PipelineSpecs
from kedro.io import DataCatalog, DatasetError
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner
from pluggy import PluginManager

from gsam_edge.datasets.state import CheckpointsDataset
from gsam_edge.hooks import CheckpointHooks
from gsam_edge.training.checkpoints import FolderCheckpoints


def train(checkpoints: FolderCheckpoints) -> tuple[int, int]:
    """A training that ends after its last checkpoint."""
    checkpoints.open("this").save({"step": 3})
    return 1, 2


def run(folder: Path, catalog: DataCatalog) -> None:
    hooks = PluginManager("kedro")
    for specification in (DatasetSpecs, NodeSpecs, PipelineSpecs):
        hooks.add_hookspecs(specification)
    hooks.register(CheckpointHooks())
    catalog["net_checkpoints"] = CheckpointsDataset(filepath=str(folder), keep=2)
    pipeline = Pipeline([node(train, "net_checkpoints", ["weights", "report"], name="train")])
    SequentialRunner().run(pipeline, catalog, hook_manager=hooks)


def test_only_the_state_of_the_finished_training_is_cleared(tmp_path: Path) -> None:
    FolderCheckpoints(tmp_path, keep=2).open("paused").save({"step": 5})
    run(tmp_path, DataCatalog())
    assert [path.name for path in tmp_path.iterdir()] == ["paused"]


def test_a_result_that_could_not_be_stored_leaves_the_state(tmp_path: Path) -> None:
    takes_nothing = CheckpointsDataset(filepath=str(tmp_path), keep=2)
    with pytest.raises(DatasetError, match="not by a node's output"):
        run(tmp_path, DataCatalog({"report": takes_nothing}))
    assert [path.name for path in tmp_path.iterdir()] == ["this"]
