"""What the console says while a run goes on: the project's own words, and one line for each step that has ended."""

import logging
import logging.config
from pathlib import Path

import pytest
import yaml
from kedro.framework.project import configure_project, pipelines
from kedro.pipeline import Pipeline, node
from rich.console import Console

from gsam_edge.hooks import steps
from gsam_edge.report.sections.lines import LINES

ROOT = Path(__file__).parents[2]

#: Loggers of libraries that a run of ours talks through, and what they set themselves when they are imported.
LIBRARIES = ("kedro.io.data_catalog", "kedro_mlflow.config", "mlflow.tracking", "alembic.runtime", "kedro_viz.server")
OTHERS = ("transformers.modeling", "ultralytics", "matplotlib.font_manager", "PIL.Image", "torch", "sqlalchemy.engine")


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Configures logging as a run does; returns a function that gives what a logger's word brings to the console."""
    import kedro_mlflow  # noqa: F401 - sets the level of its own logger
    import mlflow  # noqa: F401

    names = [None, *logging.root.manager.loggerDict]
    loggers = [logging.getLogger(name) for name in names]
    before = [(each, list(each.handlers), each.level, each.propagate) for each in loggers]
    console = Console(width=200, record=True, force_terminal=False, file=(tmp_path / "console").open("w"))
    monkeypatch.setattr("rich.logging.get_console", lambda: console)
    config = yaml.safe_load((ROOT / "conf" / "logging.yml").read_text())
    config["handlers"]["file"]["filename"] = str(tmp_path / "log")
    logging.config.dictConfig(config)

    def say(name: str, level: int) -> str:
        logging.getLogger(name).log(level, "a word of %s", name)
        return console.export_text()

    yield say
    for each, handlers, level, propagate in before:
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


@pytest.mark.parametrize("name", [*LIBRARIES, *OTHERS])
def test_no_library_logs_at_the_users_level(told, name):
    assert told(name, logging.INFO) == ""


# Transformers has a handler of its own as soon as it is imported, and Ultralytics, too.
@pytest.mark.parametrize("name", ["kedro.io.data_catalog", "kedro_mlflow.config", "matplotlib.text", "PIL.Image"])
def test_a_librarys_warning_is_seen_once(told, name):
    assert told(name, logging.WARNING).count("a word of") == 1


def test_what_the_project_says_is_seen_once_and_all_is_in_the_file(told, tmp_path):
    assert told("gsam_edge.hooks.steps", logging.INFO).count("a word of") == 1
    assert told("gsam_edge.hooks.steps", logging.DEBUG) == ""
    told("kedro.io.data_catalog", logging.INFO)
    log = (tmp_path / "log").read_text()
    assert "DEBUG gsam_edge.hooks.steps" in log
    assert "INFO kedro.io.data_catalog" in log


@pytest.mark.parametrize("step", LINES)
def test_a_line_is_made_of_reports_that_its_step_leaves(step):
    configure_project("gsam_edge")
    assert set(LINES[step].needs) <= pipelines[step].all_outputs()


def nodes_of(**outputs: list[str]) -> Pipeline:
    """One node for each name, in a step of this name."""
    return sum(
        (
            Pipeline([node(lambda: 1, None, made, name=name)], namespace=name, prefix_datasets_with_namespace=False)
            for name, made in outputs.items()
        ),
        Pipeline([]),
    )


TEACHERS = {
    "sam": {"status": "not needed", "why": "no masks"},
    "grounding_dino": {"base": {"map50": 0.01}, "tuned": {"map50": 0.0759}, "verdict": "useless", "why": "too weak"},
}


def test_a_step_is_told_with_its_result_when_its_last_output_is_saved(caplog):
    run = nodes_of(teacher_finetune=["teacher_report", "plot_teacher_worst"])
    hooks = steps.StepHooks()
    hooks.before_pipeline_run(run)
    (first,) = run.nodes
    with caplog.at_level(logging.INFO, "gsam_edge"):
        hooks.before_node_run(first)
        hooks.after_node_run(first)
        hooks.after_dataset_saved("teacher_report", TEACHERS, first)
        assert caplog.messages == []
        hooks.after_dataset_saved("plot_teacher_worst", None, first)
    assert caplog.messages == ["teacher_finetune: grounding_dino box mAP50 0.08, useless (0 s)"]


def test_a_step_without_a_line_says_how_long_it_took(caplog):
    run = nodes_of(sample_data=["sample"])
    hooks = steps.StepHooks()
    hooks.before_pipeline_run(run)
    with caplog.at_level(logging.INFO, "gsam_edge"):
        hooks.before_node_run(run.nodes[0])
        hooks.after_node_run(run.nodes[0])
        hooks.after_dataset_saved("sample", {}, run.nodes[0])
    assert caplog.messages == ["sample_data: done in 0 s"]


@pytest.mark.parametrize("by", ["error", "interrupt"])
def test_the_node_that_works_is_shown_on_a_terminal_and_gone_afterwards(monkeypatch, tmp_path, by):
    at_exit = []
    monkeypatch.setattr(steps.atexit, "register", at_exit.append)
    with (tmp_path / "terminal").open("w") as stream:
        console = Console(force_terminal=True, width=100, file=stream)
        monkeypatch.setattr(steps, "get_console", lambda: console)
        monkeypatch.setattr("rich.progress.get_console", lambda: console)
        run = nodes_of(evaluation=["measurement_student"])
        hooks = steps.StepHooks()
        hooks.before_pipeline_run(run)
        hooks.before_node_run(run.nodes[0])
        assert len(console._live_stack) == 1
        if by == "error":
            hooks.on_node_error(run.nodes[0])
            hooks.on_pipeline_error()
        else:
            (leave,) = at_exit
            leave()
        assert not console._live_stack
    assert "evaluation.evaluation" in (tmp_path / "terminal").read_text()


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")]
)
def test_durations_are_said_as_people_say_them(seconds, said):
    assert steps._duration(seconds) == said
