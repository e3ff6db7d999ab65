"""What MLflow holds of a run: its end however it ended, its parameters, data, student and artefacts."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import mlflow
import pytest
import torch
import yaml
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.tracking import fluent

from gsam_edge.coco import Annotations
from gsam_edge.datasets.coco import RawCocoDataset
from gsam_edge.datasets.tracking import BatchedMetrics
from gsam_edge.hooks import InterruptHooks
from gsam_edge.hooks.abandoned import end_abandoned, process_tags
from gsam_edge.hooks.reports import ReportHooks
from gsam_edge.hooks.students import StudentHooks, figures_of_row
from gsam_edge.hooks.tracking import TrackingError, TrackingHooks, name_of_run, runs_address, where_to_track
from gsam_edge.metrics.figures import FIGURES
from gsam_edge.students.choice import EdgeConfig
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.durable import held
from support.forked import run_forked_later
from support.whole_runs import ROOT

SELECTED = {"pipeline_names": None, "tags": None, "node_names": None, "from_nodes": None, "to_nodes": None}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of this file's own: MLflow takes seconds to make one."""
    folder, before = tmp_path_factory.mktemp("mlflow"), mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    yield folder
    mlflow.set_tracking_uri(before)


@pytest.fixture
def experiment(store, request, monkeypatch):
    """A new experiment, the active one while a test lasts, whatever another test activated; nothing stays active."""
    made = mlflow.create_experiment(request.node.name, artifact_location=(store / "artefacts").as_uri())
    monkeypatch.setattr(fluent, "_active_experiment_id", made)
    yield made
    while mlflow.active_run() is not None:
        mlflow.end_run()


@pytest.fixture
def client(experiment):
    return mlflow.MlflowClient()


def pipeline(*names):
    return sum((Pipeline([node(lambda: 1, None, f"of_{n}", name="n")], namespace=n) for n in names), Pipeline([]))


# --- the end of a run ---------------------------------------------------------------------------


def a_killed_process():
    """The tags of a process that is gone."""
    show = "import psutil, os; print(os.getpid(), repr(psutil.Process().create_time()))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    number, started = done.stdout.split()
    return process_tags() | {"process.id": number, "process.started": started}


def test_a_run_whose_process_was_killed_does_not_run_for_ever(client, experiment):
    killed = client.create_run(experiment, tags=a_killed_process(), start_time=1_000).info.run_id
    client.log_metric(killed, "yolo/train_loss", 0.5, timestamp=5_000)
    again = process_tags() | {"process.started": "1.0"}  # the number of this process, given out a second time
    reused = client.create_run(experiment, tags=again, start_time=1_000).info.run_id
    assert set(end_abandoned(client, experiment)) == {killed, reused}
    ended = [client.get_run(run_id).info for run_id in (killed, reused)]
    assert [(info.status, info.end_time) for info in ended] == [("KILLED", 5_000), ("KILLED", 1_000)]
    assert end_abandoned(client, experiment) == []


def test_a_run_of_which_nothing_is_known_is_left_as_it_is(client, experiment):
    tags = a_killed_process()
    left = [
        process_tags(),
        tags | {"process.host": f"not-{socket.gethostname()}"},
        {},
    ]
    runs = [client.create_run(experiment, tags=of_run).info.run_id for of_run in left]
    finished = client.create_run(experiment, tags=tags).info.run_id
    client.set_terminated(finished, end_time=7)
    assert end_abandoned(client, experiment) == []
    assert [client.get_run(run_id).info.status for run_id in runs] == ["RUNNING"] * 3
    assert client.get_run(finished).info.end_time == 7


INTERRUPTED = """
import mlflow, os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # it is ignored below nohup
from gsam_edge.hooks import InterruptHooks
from gsam_edge.hooks.tracking import TrackingHooks
mlflow.set_tracking_uri("{store}")
mlflow.set_experiment(experiment_id="{experiment}")
hooks = TrackingHooks()
hooks.run_id = mlflow.start_run().info.run_id
hooks._open.add(hooks.run_id)
InterruptHooks().before_pipeline_run()
sys.argv = ["/bin/kedro", "run", "--params=dataset=my data"]
os.kill(os.getpid(), signal.{signal})
time.sleep(60)
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", -2), ("SIGTERM", 128 + 15), ("SIGHUP", 128 + 1)])
def test_an_interrupted_run_is_killed_and_says_how_it_goes_on(client, experiment, name, code):
    program = INTERRUPTED.format(store=mlflow.get_tracking_uri(), experiment=experiment, signal=name)
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    (run,) = client.search_runs([experiment])
    assert run.info.status == "KILLED"
    assert run.info.end_time >= run.info.start_time
    assert "continue from their last checkpoint: kedro run '--params=dataset=my data'" in " ".join(
        (done.stdout + done.stderr).split()
    )


def test_a_signal_that_is_ignored_stays_ignored_and_all_is_as_before_after_the_run():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        hooks = InterruptHooks()
        hooks.before_pipeline_run()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        hooks.after_pipeline_run()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_two_first_runs_make_the_database_once(tmp_path, monkeypatch):
    """MLflow creates its tables one by one, and a second process that does the same meets half of them."""
    monkeypatch.setattr(MlflowHook, "after_context_created", lambda *_: (tmp_path / "in").write_text("made"))
    hooks, loader = TrackingHooks(), OmegaConfigLoader(conf_source=str(ROOT / "conf"), base_env="base")
    monkeypatch.setattr(hooks, "_already_active_mlflow", True, raising=False)
    context = SimpleNamespace(project_path=tmp_path, config_loader=loader)
    read, write = os.pipe()

    def second_run() -> None:
        os.read(read, 1)
        hooks.after_context_created(context)

    child = run_forked_later(second_run)  # before the lock is taken: a copy of this process would hold it, too
    with held(tmp_path):
        os.write(write, b"1")
        time.sleep(0.2)
        assert not (tmp_path / "in").exists()
    assert child() == 0
    assert (tmp_path / "in").exists()


def test_a_run_id_that_is_not_known_is_one_message(client, experiment, monkeypatch):
    def unknown(*_):
        client.get_run("0123456789abcdef0123456789abcdef")

    monkeypatch.setenv("MLFLOW_RUN_ID", "0123456789abcdef0123456789abcdef")
    monkeypatch.setattr(MlflowHook, "before_pipeline_run", unknown)
    with pytest.raises(TrackingError, match=r"MLFLOW_RUN_ID is 0123456789abcdef.*not found.*MLFLOW_TRACKING_URI"):
        TrackingHooks().before_pipeline_run({}, None, None)


# --- where runs are kept --------------------------------------------------------------------------

CONFIG = yaml.safe_load((ROOT / "conf" / "base" / "mlflow.yml").read_text())


def test_the_database_is_the_projects_from_any_folder(tmp_path):
    config = where_to_track(CONFIG, tmp_path)
    assert config["server"]["mlflow_tracking_uri"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert config["tracking"] == CONFIG["tracking"]
    absolute = {**CONFIG, "server": {"mlflow_tracking_uri": "sqlite:////data/mlflow.db"}}
    assert where_to_track(absolute, tmp_path)["server"]["mlflow_tracking_uri"] == "sqlite:////data/mlflow.db"


def test_nothing_is_asked_of_mlflow_before_it_knows_where_runs_are_kept(monkeypatch):
    """It would make a database in the folder of the command."""

    def refuse(*_, **__):
        raise AssertionError("a client of the default store")

    monkeypatch.setattr("mlflow.MlflowClient", refuse)
    TrackingHooks()._leave_earlier_runs()


@pytest.mark.parametrize("by_variable", [True, False])
def test_on_a_server_artefacts_go_where_the_server_says(tmp_path, monkeypatch, by_variable):
    server = "http://127.0.0.1:5077"
    monkeypatch.setattr("gsam_edge.hooks.tracking._GIVEN_URI", server if by_variable else None)
    config = CONFIG if by_variable else {**CONFIG, "server": {"mlflow_tracking_uri": server}}
    config = where_to_track(config, tmp_path)
    assert config["server"]["mlflow_tracking_uri"] == server
    created = config["tracking"]["experiment"]["create_experiment_kwargs"]
    assert created["artifact_location"] is None
    assert created["tags"] == CONFIG["tracking"]["experiment"]["create_experiment_kwargs"]["tags"]
    KedroMlflowConfig.model_validate(config)


def test_a_store_for_artefacts_that_the_user_named_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("gsam_edge.hooks.tracking._GIVEN_URI", None)
    tracking = {"experiment": {"create_experiment_kwargs": {"artifact_location": "s3://bucket/runs"}}}
    config = {"server": {"mlflow_tracking_uri": "https://host"}, "tracking": tracking}
    assert where_to_track(config, tmp_path)["tracking"] == tracking


# --- names, addresses, parameters -----------------------------------------------------------------


def test_a_run_is_called_by_its_steps():
    assert name_of_run(pipeline("evaluation", "bundle"), SELECTED) == "all steps"
    assert name_of_run(pipeline("evaluation"), SELECTED | {"pipeline_names": ["evaluation"]}) == "evaluation"
    assert set(name_of_run(pipeline("a", "b"), SELECTED | {"tags": ["a", "b"]}).split(" + ")) == {"a", "b"}


def test_the_address_of_the_runs_opens_on_model_training():
    config = KedroMlflowConfig()
    config.tracking.experiment._experiment = SimpleNamespace(experiment_id="7")
    config.server.mlflow_tracking_uri = "sqlite:///mlflow.db"
    assert (
        runs_address(config)
        == "http://127.0.0.1:5000/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=gsam_edge"
    )
    config.server.mlflow_tracking_uri = "https://tracking.example/"
    assert runs_address(config).startswith("https://tracking.example/#/experiments/7/")


def test_the_view_of_the_address_shows_figures_and_joins_the_steps_of_a_job():
    tags = yaml.safe_load((ROOT / "conf" / "base" / "mlflow.yml").read_text())["tracking"]["experiment"][
        "create_experiment_kwargs"
    ]["tags"]
    view = json.loads(tags["mlflow.sharedViewState.gsam_edge"])
    figures = figures_of_row(dict.fromkeys(FIGURES, 0.5))
    assert {column.split("`")[1] for column in view["selectedColumns"]} <= {*figures, "steps"}
    assert view["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "job"}]


def test_an_earlier_experiment_gets_the_tags_of_today_and_keeps_its_own(client, experiment):
    client.set_experiment_tag(experiment, "team", "mine")
    hooks = TrackingHooks()
    hooks.mlflow_config = KedroMlflowConfig()
    hooks.mlflow_config.tracking.experiment.create_experiment_kwargs.tags = {"team": "theirs", "kind": "models"}
    hooks.mlflow_config.tracking.experiment._experiment = client.get_experiment(experiment)
    hooks._tag_experiment()
    tags = client.get_experiment(experiment).tags
    assert (tags["team"], tags["kind"]) == ("mine", "models")


def test_parameters_of_a_node_are_logged_together_and_once(client, experiment, monkeypatch):
    hooks = TrackingHooks()
    hooks.mlflow_config = KedroMlflowConfig()
    hooks.flatten, hooks.long_params_strategy = True, "truncate"
    hooks.run_id = mlflow.start_run(experiment_id=experiment).info.run_id
    batches = []
    log_batch = mlflow.MlflowClient.log_batch
    monkeypatch.setattr(
        mlflow.MlflowClient,
        "log_batch",
        lambda self, run_id, **batch: (batches.append(batch), log_batch(self, run_id, **batch)),
    )
    many = {"params:many": {f"p{i}": i for i in range(250)}, "params:long": "x" * 9_000}
    for _ in range(2):
        hooks.before_node_run(pipeline("a").nodes[0], DataCatalog(), many, is_async=False)
    assert [len(batch["params"]) for batch in batches if "params" in batch] == [100, 100, 50]
    params = client.get_run(hooks.run_id).data.params
    assert params["many.p249"] == "249"
    assert set(params["long"]) == {"x"}


# --- curves -----------------------------------------------------------------------------------------


def test_curves_are_sent_in_batches_and_whole_at_the_end(client, experiment):
    log = BatchedMetrics(every_s=3_600)
    run_id = mlflow.start_run(experiment_id=experiment).info.run_id
    for step in range(1, 1_205):
        log("yolo/train_loss", step / 10, step)
    assert len(client.get_metric_history(run_id, "yolo/train_loss")) == 1_000
    log.flush()
    assert [(m.step, m.value) for m in client.get_metric_history(run_id, "yolo/train_loss")] == [
        (step, step / 10) for step in range(1, 1_205)
    ]


def test_curves_appear_while_a_training_goes_on(client, experiment):
    log = BatchedMetrics(every_s=0)
    run_id = mlflow.start_run(experiment_id=experiment).info.run_id
    log("yolo/train_loss", 1, 1)
    assert client.get_run(run_id).data.metrics == {"yolo/train_loss": 1}


def test_curves_are_those_of_the_run_that_is_active_when_the_training_begins(client, experiment):
    """Kedro loads a node's inputs in a thread that has no run yet."""
    run_id = client.create_run(experiment).info.run_id

    def a_node():
        log = BatchedMetrics(every_s=0)
        mlflow.start_run(run_id)
        log("yolo/train_loss", 1, 1)

    thread = threading.Thread(target=a_node)
    thread.start()
    thread.join()
    assert client.get_run(run_id).data.metrics == {"yolo/train_loss": 1}


# --- data, student, artefacts -----------------------------------------------------------------------


@pytest.fixture
def annotations():
    return Annotations.from_coco(
        {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 32, "height": 32}],
            "categories": [{"id": 1, "name": "bag"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 8, 8], "area": 64, "iscrowd": 0}],
        }
    )


@pytest.fixture
def catalog(tmp_path):
    return DataCatalog({"raw_annotations": RawCocoDataset(filepath=str(tmp_path / "bags" / "annotations.json"))})


EDGE = EdgeConfig(max_detections=20, candidates=80, iou_threshold=0.7, nms_iterations=5, score_floor=0.001)


def a_student(seed=0, image_size=64):
    tensors = {"weight": torch.full((2,), float(seed))}
    return StudentWeights("yolov8-seg", "n", ("bag",), image_size, EDGE, tensors, split="5" * 64)


def a_run(catalog, experiment):
    """Hooks of a run that is under way."""
    run_id = mlflow.start_run(experiment_id=experiment, run_name="all steps", nested=True).info.run_id
    hooks = StudentHooks()
    hooks.before_pipeline_run(SELECTED, pipeline("distillation", "evaluation"), catalog)
    return hooks, run_id


def a_row(artefact, **figures):
    return {"artefact": artefact, "device": "cpu", "images": 3, "per_class": {"bag": {"box_map50": 0.1}}, **figures}


def test_a_run_says_its_data_and_its_student(client, experiment, catalog, annotations):
    hooks, run_id = a_run(catalog, experiment)
    for name in ("annotations_train", "annotations_test", "annotations_train"):
        hooks.after_dataset_loaded(name, annotations)
    hooks.after_dataset_saved("student_weights", a_student())
    run = client.get_run(run_id)
    inputs = {made.dataset.name: (made.dataset.digest, made.tags[0].value) for made in run.inputs.dataset_inputs}
    digest = annotations.digest[:12]
    assert inputs == {"bags/train": (digest, "training"), "bags/test": (digest, "test")}
    assert run.info.run_name == "yolov8-seg n 64 px: all steps"
    assert run.data.tags["job"] == "bags not split"
    told = {name: run.data.tags[name] for name in ("student", "task", "split")}
    assert told == {"student": "yolov8-seg n 64 px", "task": "detect", "split": "5" * 12}


@pytest.mark.parametrize(("ship", "expected"), [("student_onnx", "student_onnx"), (None, None)])
def test_a_run_says_which_artefact_it_recommends_where_there_is_one(client, experiment, catalog, ship, expected):
    hooks, run_id = a_run(catalog, experiment)
    hooks.after_dataset_saved("recommendation", {"ship": ship, "why": "it is the smallest"})
    assert client.get_run(run_id).data.tags.get("recommended") == expected


def test_a_name_that_the_user_gave_stays(client, experiment, catalog):
    hooks, run_id = a_run(catalog, experiment)
    client.update_run(run_id, name="with twice the images")
    hooks.after_dataset_saved("student_weights", a_student())
    assert client.get_run(run_id).info.run_name == "with twice the images"


def test_artefacts_are_models_with_their_figures_and_the_run_has_those_of_its_student(
    client, experiment, catalog, annotations
):
    hooks, run_id = a_run(catalog, experiment)
    hooks.after_dataset_loaded("annotations_test", annotations)
    hooks.after_dataset_saved("student_weights", a_student())
    hooks.after_dataset_saved("student_onnx", b"onnx")
    rows = [
        a_row("student_onnx", box_map50=0.9, size_mb=3.0, digest=hashlib.sha256(b"onnx").hexdigest()),
        a_row("student", box_map50=0.5, at_threshold={"per_100_images": {"missed": 4}}),
        a_row("teacher", box_map50=0.7),
    ]
    hooks.after_dataset_saved("comparison", rows)
    run = client.get_run(run_id)
    assert run.data.metrics == {
        "box_map50": 0.5,
        "size_mb": 3.0,
        "missed_per_100_images": 4,
        "student/box_map50": 0.5,
        "student/missed_per_100_images": 4,
        "student_onnx/box_map50": 0.9,
        "student_onnx/size_mb": 3.0,
        "teacher/box_map50": 0.7,
    }
    models = {model.name: model for model in client.search_logged_models([experiment])}
    figures = {
        name: {(m.key, m.value, m.dataset_name, m.dataset_digest) for m in models[name].metrics} for name in models
    }
    of_test = ("bags/test", annotations.digest[:12])
    assert figures == {
        "student": {("box_map50", 0.5, *of_test), ("missed_per_100_images", 4, *of_test)},
        "student_onnx": {("box_map50", 0.9, *of_test), ("size_mb", 3.0, *of_test)},
        "teacher": {("box_map50", 0.7, *of_test)},
    }
    assert models["student_onnx"].tags["student"] == "yolov8-seg n 64 px"
    assert {output.model_id for output in run.outputs.model_outputs} == {m.model_id for m in models.values()}


def test_another_evaluation_of_the_same_file_adds_to_the_same_model(client, experiment, catalog):
    hooks, first = a_run(catalog, experiment)
    hooks.after_dataset_saved("student_weights", a_student())
    hooks, second = a_run(catalog, experiment)
    hooks.after_dataset_loaded("student_weights", a_student())
    hooks.after_dataset_saved("comparison", [a_row("student", box_map50=0.5)])
    (model,) = client.search_logged_models([experiment])
    assert (model.source_run_id, [m.run_id for m in model.metrics]) == (first, [second])
    hooks, _ = a_run(catalog, experiment)
    hooks.after_dataset_saved("student_weights", a_student(seed=1))
    assert len(client.search_logged_models([experiment])) == 2


def test_the_same_teacher_measured_in_two_runs_is_one_model_and_another_one_is_not(client, experiment, catalog):
    for digest in ("d1", "d1", "d2"):
        hooks, _ = a_run(catalog, experiment)
        hooks.after_dataset_saved("comparison", [a_row("teacher", box_map50=0.7, digest=digest)])
    assert sorted(model.tags["digest"] for model in client.search_logged_models([experiment])) == ["d1", "d2"]


def test_a_pruned_student_has_its_own_exports(client, experiment, catalog):
    hooks, run_id = a_run(catalog, experiment)
    hooks.after_dataset_loaded("student_weights", a_student())
    hooks.after_dataset_saved("student_pruned_weights", a_student(seed=1, image_size=32))
    hooks.after_dataset_saved("student_pruned_onnx", b"pruned")
    models = {model.name: model.params["image_size"] for model in client.search_logged_models([experiment])}
    assert models == {"student": "64", "student_pruned": "32", "student_pruned_onnx": "32"}
    assert client.get_run(run_id).data.tags["student"] == "yolov8-seg n 64 px"


def test_without_a_run_nothing_is_logged(client, experiment, catalog, annotations):
    hooks = StudentHooks()
    hooks.before_pipeline_run(SELECTED, pipeline("evaluation"), catalog)
    hooks.after_dataset_loaded("annotations_test", annotations)
    hooks.after_dataset_saved("student_weights", a_student())
    assert client.search_runs([experiment]) == []
    assert client.search_logged_models([experiment]) == []


# --- reports ------------------------------------------------------------------------------------------


def test_only_reports_that_runs_are_compared_by_become_metrics(client, experiment):
    report = {"sam": {"tuned": {"mask_iou": 0.9}, "per_class": {"bag": {"tuned": 0.1}}, "trained": True}}
    with mlflow.start_run(experiment_id=experiment) as run:
        model = mlflow.create_external_model(name="student", source_run_id=run.info.run_id)
        for name in ("teacher_report", "evaluation_report"):
            ReportHooks().after_dataset_saved(name, report)
    assert client.get_run(run.info.run_id).data.metrics == {"teacher_report/sam.tuned.mask_iou": 0.9}
    assert not client.get_logged_model(model.model_id).metrics
    files = {file.path for file in client.list_artifacts(run.info.run_id, "reports")}
    assert files == {"reports/teacher_report.json", "reports/evaluation_report.json"}
