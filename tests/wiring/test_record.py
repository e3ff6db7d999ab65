"""Every step notes when it ran, for how long, with which parameters and commit."""

from types import SimpleNamespace

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from pydantic import BaseModel

from gsam_edge.datasets.state import RunRecordDataset
from gsam_edge.hooks import record
from gsam_edge.hooks.record import RecordHooks


class Training(BaseModel):
    steps: int = 3


@pytest.fixture
def catalog(tmp_path):
    return DataCatalog({"run_record": RunRecordDataset(filepath=str(tmp_path / "record.json"))})


@pytest.fixture
def hooks(monkeypatch):
    monkeypatch.setattr(record, "git_commit", lambda run_params: run_params["commit"])
    made = RecordHooks()
    made.before_pipeline_run({"commit": "abc"})
    return made


def step(name, namespace="distillation"):
    return Pipeline([node(lambda: 1, None, "out", name=name)], namespace=namespace).nodes[0]


def run(hooks, catalog, of, **parameters):
    hooks.before_node_run(of)
    hooks.after_node_run(
        of, catalog, {"images": object(), **{f"params:{name}": value for name, value in parameters.items()}}
    )


def test_a_node_is_noted_under_its_step(hooks, catalog, monkeypatch):
    times = iter([100.0, 112.34])
    monkeypatch.setattr(record, "time", SimpleNamespace(monotonic=lambda: next(times)))
    run(hooks, catalog, step("train"), seed=7, training=Training())
    noted = catalog["run_record"].load()["steps"]["distillation"]
    assert noted["parameters"] == {"seed": 7, "training": {"steps": 3}}
    assert noted["commit"] == "abc"
    assert noted["nodes"]["train"]["seconds"] == 12.3
    assert noted["nodes"]["train"]["ended"].endswith("+00:00")


def test_what_other_nodes_and_steps_left_stays(hooks, catalog):
    run(hooks, catalog, step("train"), seed=7)
    run(hooks, catalog, step("judge"), other=1)
    run(hooks, catalog, step("measure", "evaluation"))
    steps = catalog["run_record"].load()["steps"]
    assert {name: sorted(of["nodes"]) for name, of in steps.items()} == {
        "distillation": ["judge", "train"],
        "evaluation": ["measure"],
    }
    assert steps["distillation"]["parameters"] == {"seed": 7, "other": 1}


def test_without_the_dataset_nothing_is_noted(hooks):
    run(hooks, DataCatalog({}), step("train"))
