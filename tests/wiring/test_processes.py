"""What the processes of `accelerate launch` may write and run."""

import logging
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from kedro.framework.hooks.specs import PipelineSpecs
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner
from kedro_datasets.json import JSONDataset
from pluggy import PluginManager

from gsam_edge.hooks import ProcessHooks
from gsam_edge.training.errors import SettingError

PIPELINE = Pipeline([node(lambda x: x + 1, "start", "adapter"), node(lambda x: x * 2, "adapter", "report")])
RUN = {"pipeline_names": ["teacher_finetune"], "only_missing_outputs": False}


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    yield
    logging.disable(logging.NOTSET)


def run(folder: Path, run_params: dict) -> dict[str, int]:
    """Returns what the nodes' last output is to the nodes themselves."""
    catalog = DataCatalog({name: JSONDataset(filepath=str(folder / f"{name}.json")) for name in ("adapter", "report")})
    catalog["start"] = 1
    hooks = PluginManager("kedro")
    hooks.add_hookspecs(PipelineSpecs)
    hooks.register(ProcessHooks())
    hooks.hook.before_pipeline_run(run_params=run_params, pipeline=PIPELINE, catalog=catalog)
    SequentialRunner().run(PIPELINE, catalog)
    return catalog.load("report")


@pytest.mark.parametrize(("rank", "written"), [("0", ["adapter.json", "report.json"]), ("1", [])])
def test_only_the_first_process_writes_and_all_compute_the_same(tmp_path, monkeypatch, rank, written):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run(tmp_path, RUN) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == written


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pipeline_names": None}, "expected --pipeline=teacher_finetune.*got the whole job"),
        ({"pipeline_names": ["distillation"]}, "got distillation; run other pipelines without it"),
        ({"only_missing_outputs": True}, "expected no --only-missing-outputs"),
    ],
)
def test_several_processes_run_nothing_but_the_tuning_of_teachers(tmp_path, monkeypatch, changes, message):
    assert run(tmp_path, {**RUN, **changes}) == 4, "one process runs everything"
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingError, match=message):
        run(tmp_path, {**RUN, **changes})


def test_a_helper_neither_tracks_nor_tells_nor_clears_checkpoints(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    hooks = runpy.run_module("gsam_edge.settings")["HOOKS"]
    assert [type(hook).__name__ for hook in hooks] == ["ErrorHooks", "ProcessHooks"]
