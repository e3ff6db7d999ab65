"""A training's checkpoints go when the run has ended well; those of other configurations stay."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.hooks.specs import DatasetSpecs, NodeSpecs, PipelineSpecs
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner
from pluggy import PluginManager

from gsam_edge.datasets.state import CheckpointsDataset
from gsam_edge.hooks import CheckpointHooks, RemnantHooks
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.forked import run_forked
from support.whole_runs import ROOT


def train(checkpoints: FolderCheckpoints) -> tuple[int, int]:
    """A training that ends after its last checkpoint; returns how many it had done before."""
    store = checkpoints.open("this")
    done = (store.load() or {"step": 0})["step"]
    store.save({"step": 3})
    return done, 2


def run(folder: Path, catalog: DataCatalog) -> None:
    hooks = PluginManager("kedro")
    for specification in (DatasetSpecs, NodeSpecs, PipelineSpecs):
        hooks.add_hookspecs(specification)
    hooks.register(CheckpointHooks())
    catalog["net_checkpoints"] = CheckpointsDataset(filepath=str(folder), keep=2)
    pipeline = Pipeline(
        [
            node(train, "net_checkpoints", ["done", "report"], name="train"),
            node(lambda _: 1, "report", "end", name="later_step"),
        ]
    )
    run_params = {"run_params": {}, "pipeline": pipeline, "catalog": catalog}
    hooks.hook.before_pipeline_run(**run_params)
    try:
        result = SequentialRunner().run(pipeline, catalog, hook_manager=hooks)
    except Exception as error:
        hooks.hook.on_pipeline_error(error=error, **run_params)
        raise
    hooks.hook.after_pipeline_run(run_result=result, **run_params)


def test_only_the_state_of_the_finished_training_is_cleared(tmp_path: Path) -> None:
    FolderCheckpoints(tmp_path, keep=2).open("paused").save({"step": 5})
    run(tmp_path, DataCatalog())
    assert [path.name for path in tmp_path.iterdir()] == ["paused"]


@pytest.mark.parametrize("broken", ["report", "end"])
def test_a_training_that_was_finished_is_not_repeated_when_a_later_step_failed(tmp_path: Path, broken: str) -> None:
    """Of two teachers the first may take hours before the second fails, or the process is killed."""
    takes_nothing = CheckpointsDataset(filepath=str(tmp_path), keep=2)
    with pytest.raises(DatasetError, match="not by a node's output"):
        run(tmp_path, DataCatalog({broken: takes_nothing}))
    assert [path.name for path in tmp_path.iterdir()] == ["this"]
    # This process lives on, and does not keep another one from going on.
    done = MemoryDataset()
    assert run_forked(lambda: FolderCheckpoints(tmp_path, keep=2).open("this").load()) == 0
    run(tmp_path, DataCatalog({"done": done}))
    assert done.load() == 3
    assert list(tmp_path.parent.glob(f"{tmp_path.name}/*")) == []


def test_what_killed_runs_left_goes_before_the_next_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = tmp_path / "data" / "06_models" / "student.onnx" / "2026-01-01" / ".gsam-abcdefgh.part"
    part.parent.mkdir(parents=True)
    part.touch()
    hooks = RemnantHooks()
    hooks.after_context_created(
        SimpleNamespace(
            project_path=tmp_path, env=None, config_loader=OmegaConfigLoader(conf_source=str(ROOT / "conf"))
        )
    )
    with caplog.at_level(logging.INFO):
        hooks.before_pipeline_run()
    assert not part.parent.exists()
    assert "removed 1 files and folders" in caplog.text
