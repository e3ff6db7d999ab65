"""What the hooks make of parameters, reports and errors."""

import json
import logging
import re
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.io import DatasetError
from kedro.validation import ParameterValidationError
from pydantic import BaseModel

from gsam_edge.coco import Annotations, RawCoco
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.hooks.console import ErrorHooks, ShownNames, show_error
from gsam_edge.hooks.inputs import require_earlier_steps
from gsam_edge.hooks.local import LocalHooks
from gsam_edge.hooks.processes import ProcessHooks
from gsam_edge.hooks.reports import ReportHooks, numeric_leaves
from gsam_edge.hooks.summary import shown
from gsam_edge.hooks.tracking import plain_parameters
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.training.errors import SettingError
from gsam_edge.vision.errors import UserError


class Inner(BaseModel):
    rank: int = 8


class Outer(BaseModel):
    lora: Inner = Inner()


def test_of_the_teachers_the_chosen_ones_are_recorded_and_what_words_mean_is_one_value() -> None:
    inputs = {
        "params:teachers": TeacherChoice(finder="grounding_dino", outliner="sam"),
        "params:sam": Outer(),
        "params:sam3": Outer(),
        "params:augmentation_rules": {"characteristics": {"mine": {"low": 1, "high": 2}}},
    }
    recorded = plain_parameters(inputs)
    assert set(recorded) == {"params:teachers", "params:sam", "params:augmentation_rules"}
    assert recorded["params:augmentation_rules"] == '{"characteristics": {"mine": {"high": 2, "low": 1}}}'


def test_typed_parameters_become_plain_ones() -> None:
    inputs = {"params:grounding_dino": Outer(), "annotations": [1]}
    assert plain_parameters(inputs) == {"params:grounding_dino": {"lora": {"rank": 8}}, "annotations": [1]}


def test_numbers_of_a_report_get_dotted_names() -> None:
    report = {"sam": {"tuned": {"mask_iou": 0.9}, "status": "tuned"}, "has_boxes": True, "examples": [1, 2]}
    assert numeric_leaves(report, "teacher_report") == {"teacher_report/sam.tuned.mask_iou": 0.9}


def test_rows_are_named_by_their_artefact() -> None:
    rows = [{"artefact": "student", "box_map50": 0.8}, {"artefact": "student_onnx", "size_mb": 12}]
    assert numeric_leaves(rows, "optimization_report") == {
        "optimization_report/student.box_map50": 0.8,
        "optimization_report/student_onnx.size_mb": 12.0,
    }


def test_an_error_of_the_user_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    error = DatasetError("expected a folder, found none: [bold]nowhere[/x]")
    show_error(type(error), error, None)
    printed = capsys.readouterr().err
    assert "expected a folder, found none: [bold]nowhere[/x]" in printed
    assert "Traceback" not in printed


def test_names_from_outside_send_no_codes_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in an error, nor in a table of the summary, nor in the log."""
    name = "red\x1b[31m.png"
    error = UserError(f"{name}: expected an image")
    show_error(type(error), error, None)
    assert "red␛[31m.png: expected an image" in capsys.readouterr().err
    assert shown({name: [name, 1, {"why": (name, None)}]}) == {
        "red␛[31m.png": ["red␛[31m.png", 1, {"why": ["red␛[31m.png", None]}]
    }
    record = logging.LogRecord("a", logging.WARNING, "here", 1, "left out: %s", (name,), None)
    assert ShownNames().filter(record)
    assert record.getMessage() == "left out: red␛[31m.png"
    usual = logging.LogRecord("a", logging.WARNING, "here", 1, "left out: %s", ("100 %s",), None)
    ShownNames().filter(usual)
    assert usual.getMessage() == "left out: 100 %s"
    assert ShownNames().filter(logging.LogRecord("a", logging.WARNING, "here", 1, "%d", ("one",), None))


def test_a_defect_of_ours_shows_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        json.loads(None)  # type: ignore[arg-type]
    except TypeError as error:
        show_error(type(error), error, error.__traceback__)
    assert "Traceback" in capsys.readouterr().err


def test_a_class_may_be_called_anything() -> None:
    from mlflow.utils.validation import _validate_metric_name

    names = numeric_leaves({"classes": {"scratch (deep)": 1, "R&D": 2, "50%": 3, "a/../b": 4, "Öhr": 5}}, "report")
    assert len(names) == 5
    for name in names:
        _validate_metric_name(name)


def test_classes_that_mlflow_would_call_alike_keep_their_figures() -> None:
    names = ["a/b", "a.b", "a_b", "a_b-2", "A_b"]
    leaves = numeric_leaves({"classes": {name: number for number, name in enumerate(names)}}, "report")
    assert leaves == {
        "report/classes.a_b": 0,
        "report/classes.a_b-2": 1,
        "report/classes.a_b-3": 2,
        "report/classes.a_b-2-2": 3,
        "report/classes.A_b": 4,
    }


def test_long_class_names_are_cut_to_what_mlflow_takes_and_stay_apart() -> None:
    from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_metric_name

    long = "a seam that is torn at its upper end, " * 10
    per_class = {name: {"mask_map50_95": number} for number, name in enumerate([long, long + "x", "short"])}
    rows = [{"artefact": "student_onnx_int8", "classes": per_class}, {"artefact": long, "classes": per_class}]
    leaves = numeric_leaves(rows, "distillation_report")
    assert list(leaves.values()) == [0, 1, 2, 0, 1, 2]
    for name in leaves:
        _validate_metric_name(name)
        assert len(name) <= MAX_ENTITY_KEY_LENGTH
        assert name.endswith(".mask_map50_95")


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        ({}, r"conf/local: no parameter is called 'distilation'; did you mean 'distillation'\?"),
        ({"sed": 3}, r"--params: no parameter is called 'sed'; did you mean 'seed'\?"),
        ({"dataset": True}, r"--params: dataset: expected a path, got True .* as in dataset=\./2024_06_01"),
        ({"dataset": 7}, "--params: dataset: expected a path, got 7"),
        ({"dataset": None}, "--params: dataset: expected a path, got None"),
    ],
)
def test_a_parameter_that_nothing_reads_is_an_error(tmp_path, monkeypatch, runtime, message) -> None:
    for env, text in (
        ("base", "seed: 0\ndistillation: {a: 1}\ndataset: data"),
        ("local", "seed: 1\ndistilation: {a: 2}"),
    ):
        (tmp_path / env).mkdir()
        (tmp_path / env / "parameters.yml").write_text(text)
    monkeypatch.setattr("sys.excepthook", None)
    loader = OmegaConfigLoader(conf_source=str(tmp_path), base_env="base", default_run_env="local")
    context = SimpleNamespace(config_loader=loader, env=None, _runtime_params=runtime, project_path=tmp_path)
    with pytest.raises(ParameterValidationError, match=message):
        ErrorHooks().after_context_created(context)
    (tmp_path / "local" / "parameters.yml").write_text("distillation: {a: 3}")
    ErrorHooks().after_context_created(SimpleNamespace(**{**vars(context), "_runtime_params": {"seed": 2}}))


def test_a_second_run_of_a_process_does_not_log_into_the_first(tmp_path) -> None:
    """Under `kedro server` a thread may find the runs of an ended one with its number; a caller's own run stays."""
    import mlflow

    from gsam_edge.hooks.tracking import TrackingHooks

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    try:
        hooks, client = TrackingHooks(), mlflow.MlflowClient()
        own = mlflow.start_run(experiment_id="0").info.run_id  # an earlier test may have left another one active
        first = mlflow.start_run(nested=True, experiment_id="0").info.run_id
        hooks._begun.add(first)
        client.set_terminated(first, "FAILED", 12345)  # in the thread of the run; this one keeps it as active
        hooks._leave_earlier_runs()
        assert mlflow.active_run().info.run_id == own
        ended = client.get_run(first).info
        assert (ended.status, ended.end_time) == ("FAILED", 12345)
    finally:
        while mlflow.active_run() is not None:
            mlflow.end_run()
        mlflow.set_tracking_uri(before)


def test_the_report_and_the_card_are_artefacts_of_the_run_as_files_that_mlflow_shows(tmp_path) -> None:
    import mlflow
    from plotly.graph_objects import Figure, Scatter

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("pages", artifact_location=(tmp_path / "artefacts").as_uri())
    with mlflow.start_run(experiment_id=experiment) as run:
        ReportHooks().after_dataset_saved("report", "<!doctype html><title>\u00d6hr</title>")
        ReportHooks().after_dataset_saved("model_card", "# \u00d6hr")
        ReportHooks().after_dataset_saved("plot_confusion", Figure(Scatter(x=[0, 1], y=[0.5, 0.25])))
        files = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    mlflow.set_tracking_uri(before)
    assert files == {"report.html", "model_card.md", "plots"}
    folder = tmp_path / "artefacts" / run.info.run_id / "artifacts"
    assert (folder / "report.html").read_text("utf-8").endswith("</title>")
    page = (folder / "plots" / "confusion.html").read_text("utf-8")
    assert not re.search(r"<script[^>]*\bsrc=", page), "the page would ask a host for plotly's script"
    assert "0.25" in page


@pytest.fixture
def context(tmp_path, monkeypatch):
    """A project with a configuration, for a process that was started in one of its folders."""
    monkeypatch.setattr("sys.excepthook", None)
    for name in ("conf/base", "conf/local", "docs"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "conf" / "base" / "parameters.yml").write_text("dataset: data")
    monkeypatch.chdir(tmp_path / "docs")
    loader = OmegaConfigLoader(conf_source=str(tmp_path / "conf"), base_env="base", default_run_env="local")
    return SimpleNamespace(config_loader=loader, env=None, _runtime_params={}, project_path=tmp_path)


@pytest.mark.parametrize("value", [20240601, 2024, False, 1e5, ["a"], None])
def test_a_folder_whose_name_is_a_number_to_yaml_is_refused_with_the_way_to_write_it(context, value) -> None:
    context._runtime_params = {"dataset": value}
    with pytest.raises(ParameterValidationError, match=r"dataset: expected a path.*dataset=\./2024_06_01"):
        ErrorHooks().after_context_created(context)
    context._runtime_params = {"dataset": "./2024_06_01"}
    ErrorHooks().after_context_created(context)


def test_a_package_without_its_configuration_says_where_to_get_it(context, tmp_path) -> None:
    context.config_loader.conf_source = str(tmp_path / "elsewhere" / "conf")
    with pytest.raises(DatasetError, match=r"elsewhere/conf, found none; .*--conf-source.*conf-gsam_edge\.tar\.gz"):
        ErrorHooks().after_context_created(context)


def test_a_run_from_a_folder_of_the_project_logs_into_the_projects_file(context, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("KEDRO_LOGGING_CONFIG", raising=False)
    configured = []
    monkeypatch.setattr("gsam_edge.hooks.console.LOGGING.configure", configured.append)
    (tmp_path / "conf" / "logging.yml").write_text("handlers: {file: {filename: logs/gsam_edge.log}, console: {a: 1}}")
    ErrorHooks().after_context_created(context)
    file = str(tmp_path / "logs" / "gsam_edge.log")
    assert configured == [{"handlers": {"file": {"filename": file}, "console": {"a": 1}}}]
    monkeypatch.chdir(tmp_path)
    ErrorHooks().after_context_created(context)
    assert len(configured) == 1


def test_a_configuration_of_ones_own_that_another_environment_does_not_read_is_named(context, tmp_path, caplog):
    """Kedro reads conf/base and one environment."""
    own = tmp_path / "conf" / "local"
    (own / "parameters.yml").write_text("scene: {characteristics: []}\nseed: 3\n")
    (own / "catalog.yml").write_text("# nothing yet\n")
    LocalHooks().after_context_created(context)
    context.env = "local"
    LocalHooks().after_context_created(context)
    assert caplog.messages == []
    context.env = "full"
    LocalHooks().after_context_created(context)
    (told,) = caplog.messages
    assert told.startswith("--env=full: conf/local is not read (parameters.yml: scene, seed)")
    (own / "parameters.yml").unlink()
    LocalHooks().after_context_created(context)
    assert len(caplog.messages) == 1


def test_the_parallel_runner_is_refused_in_one_sentence() -> None:
    parameters = {"runner": "ParallelRunner", "pipeline_names": None}
    with pytest.raises(SettingError, match=r"expected SequentialRunner .* or ThreadRunner, got ParallelRunner"):
        ProcessHooks().before_pipeline_run(parameters, None, None)
    ProcessHooks().before_pipeline_run({**parameters, "runner": "ThreadRunner"}, None, None)


def test_a_step_before_its_turn_names_the_earlier_ones_and_the_command_that_runs_all() -> None:
    configure_project("gsam_edge")
    run = pipelines["evaluation"]
    given = {"env": "test", "runtime_params": {"dataset": "my boards", "seed": 3}}
    require_earlier_steps([], run, given)
    require_earlier_steps(["raw_images"], run, given)  # the user's own: the dataset says what it expected
    missing = ["annotations_test", "sam_adapter", "student_onnx", "student_weights", "raw_images"]
    with pytest.raises(DatasetError) as told:
        require_earlier_steps(missing, run, given)
    assert "evaluation: expected what earlier steps leave, found no annotations_test (of data_validation)" in str(
        told.value
    )
    assert str(told.value).endswith(
        "and 1 more. They run together with: kedro run --tags=data_validation,teacher_finetune,distillation,"
        "optimization,evaluation --env=test '--params=dataset=my boards'"
    )


def test_our_values_say_in_a_line_what_they_are() -> None:
    """A notebook shows what a cell ends with, and these hold thousands of records or tensors."""
    records = tuple({"id": i, "image_id": 0, "category_id": 0, "bbox": [0, 0, 1, 1]} for i in range(1000))
    value = Annotations(({"id": 0, "file_name": "a", "width": 9, "height": 9},), records, ({"id": 0, "name": "bag"},))
    assert repr(value) == "Annotations(1 images, 1000 objects, 1 classes)"
    assert repr(RawCoco({"images": [1] * 1000}, "0123456789abcdef")) == "RawCoco(0123456789ab)"
    found = Predictions({}, ("bag",), PredictorInfo("student", "d", prompted_with_boxes=False))
    assert repr(found) == "Predictions(student: 0 in 0 images)"
