"""Every entry of SECTIONS asks for reports that runs leave, and the hook prints those that have something to say."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.io import DataCatalog, MemoryDataset, Version
from kedro.pipeline import Pipeline, node

from gsam_edge.datasets.models import BuiltDataset
from gsam_edge.export.format import NotBuilt
from gsam_edge.hooks import summary
from gsam_edge.pipeline_registry import JOB
from gsam_edge.report.sections.html.table import PAGE_SECTIONS
from gsam_edge.report.sections.table import SECTIONS, Section, fragments

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_needs_reports_that_some_pipeline_leaves_and_has_a_docs_line(name):
    configure_project("gsam_edge")
    section = SECTIONS[name]
    assert section.name == name
    assert any(set(section.needs) <= pipeline.all_outputs() for pipeline in pipelines.values())
    for env in ("base", "test", "full"):
        loader = OmegaConfigLoader(
            conf_source=str(ROOT / "conf"), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
        )
        catalog = DataCatalog.from_config(loader["catalog"])
        assert all(needed in catalog for needed in section.needs)
    docs = (ROOT / "docs" / "extending" / "report_section.md").read_text("utf-8")
    assert f"| `{name}` | {', '.join(f'`{needed}`' for needed in section.needs)} |" in docs


@pytest.mark.parametrize("name", PAGE_SECTIONS)
def test_a_section_of_the_page_has_a_template_and_a_docs_line(name):
    section = PAGE_SECTIONS[name]
    assert section.name == name
    assert (ROOT / "src" / "gsam_edge" / "report" / "templates" / "sections" / f"{name}.html").exists()
    docs = (ROOT / "docs" / "extending" / "report_section.md").read_text("utf-8")
    assert f"| `{name}` | {section.title} | {', '.join(f'`{needed}`' for needed in section.needs)} |" in docs


def test_the_page_is_given_every_report_that_a_section_needs_as_soon_as_a_node_makes_it():
    configure_project("gsam_edge")
    pipeline = pipelines["__default__"]
    given = next(node for node in pipeline.nodes if node.name == "report.write_report").inputs
    made = pipeline.all_outputs()
    needed = {name for section in PAGE_SECTIONS.values() for name in section.needs}
    assert needed & made <= set(given)


def test_what_people_may_open_is_listed_by_kind_and_the_page_comes_first(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outputs = [
        "a_report",
        "report",
        "plot_b",
        "plot_c",
        "comparison_table",
        "augmentation_sheets",
        "predictions_teacher",
    ]
    run = Pipeline([node(lambda: 1, None, [*outputs, "model_card"], name="run")])
    files = {name: SimpleNamespace(_filepath=tmp_path / "out" / f"{name}.x") for name in run.all_outputs()}
    assert summary.places_of(run.all_outputs(), files) == {
        "read first": [Path("out/report.x")],
        "reports": [Path("out/a_report.x"), Path("out/model_card.x")],
        "tables": [Path("out/comparison_table.x")],
        "plots": [Path("out/plot_b.x"), Path("out/plot_c.x")],
        "images": [Path("out/augmentation_sheets.x")],
    }
    summary.SummaryHooks().after_pipeline_run({"env": "full"}, Pipeline([node(lambda: 1, None, "plot_b")]), files)
    said = capsys.readouterr().err
    assert "out/plot_b.x" in said
    assert "kedro viz run --env=full" in said
    assert "kedro mlflow ui --env=full" in said


def test_an_artefact_that_was_not_built_is_no_model_to_look_at():
    catalog = {
        "student_onnx": SimpleNamespace(_filepath="models/student.onnx", load=lambda: b"graph"),
        "student_ncnn": SimpleNamespace(_filepath="models/student.zip", load=lambda: NotBuilt("not asked for")),
        "sam2_adapter": SimpleNamespace(_filepath="models/sam2_adapter", load=lambda: {"status": "not needed"}),
    }
    assert summary.places_of(set(catalog), catalog) == {"models": [Path("models/student.onnx")]}


def test_every_step_of_the_job_names_the_next_one_with_dataset_and_environment():
    configure_project("gsam_edge")
    marks = [next(mark for mark in summary.FOLLOWS if mark in pipelines[step].all_outputs()) for step in JOB]
    assert [summary.FOLLOWS[mark] for mark in marks] == [*JOB[1:], "inference"]
    given = {"env": "test", "runtime_params": {"dataset": "a b", "seed": 3}}
    command = summary.next_step(given, {"teacher_report", "validation_report"}, None)
    assert command == "kedro run --pipeline=distillation --env=test '--params=dataset=a b'"
    assert summary.next_step(given, {"sample"}, None) is None


def test_after_teachers_that_are_no_use_no_step_is_named_that_would_refuse_them(capsys):
    outputs = Pipeline([node(lambda: 1, None, "teacher_report")])
    floor = {"map50": 0.1, "mask_iou": 0.5, "recall": 0.3, "score_threshold": 0.25, "below": "error"}
    report = {"grounding_dino": {"status": "tuned", "verdict": "useless", "why": "map50 0.01, below 0.1"}}

    def said():
        names = {"teacher_report": report, "params:teacher_floor": floor}
        catalog = {name: SimpleNamespace(load=lambda value=value: value) for name, value in names.items()}
        summary.SummaryHooks().after_pipeline_run({"env": None}, outputs, catalog)
        return capsys.readouterr().err

    assert "map50 0.01, below 0.1" in (refused := said())
    assert "--pipeline=distillation" not in refused
    floor["below"] = "keep"
    assert "Next: kedro run --pipeline=distillation" in said()
    floor["below"], report["grounding_dino"]["verdict"] = "error", "better than its base"
    assert "Next: kedro run --pipeline=distillation" in said()


@pytest.fixture
def sections(monkeypatch):
    """What each section would say, in place of the tables themselves."""
    for key in ("comparison_summary", "validation_summary", "import_summary"):
        monkeypatch.setattr(f"gsam_edge.report.sections.table.{key}", lambda report: f"told of {report}")


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (["comparison"], ["comparison"]),
        (["validation_report"], ["validation_report"]),
        (["comparison", "validation_report"], ["comparison"]),
        (["import_report"], ["import_report"]),
        (["another_report"], []),
    ],
)
def test_a_run_tells_of_the_reports_that_it_left(sections, left, told):
    assert fragments({name: name for name in left}) == [f"told of {name}" for name in told]


def test_the_run_ends_with_the_whole_path_of_the_file_to_ship(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    told = {"budget": {}, "ship": "student_onnx", "why": "it is good", "others": [], "file": "data/student.onnx"}
    run = Pipeline([node(lambda: told, None, "recommendation", name="recommend")])
    for recommendation, expected in ((told, True), ({**told, "ship": None, "file": None}, False)):
        catalog = DataCatalog({"recommendation": MemoryDataset(recommendation)})
        summary.SummaryHooks().after_pipeline_run({}, run, catalog)
        lines = capsys.readouterr().err.splitlines()
        assert (f"The file: {tmp_path}/data/student.onnx" in lines) == expected


def test_the_hook_prints_what_the_sections_say_of_the_reports_of_this_run(monkeypatch, capsys):
    """And loads no report of an earlier run."""

    def tell(reports):
        return f"told of {', '.join(sorted(reports))}"

    table = {"one": Section("one", ("first", "second"), tell), "other": Section("other", ("third",), tell)}
    monkeypatch.setattr("gsam_edge.report.sections.table.SECTIONS", table)
    monkeypatch.setattr(summary, "SECTIONS", table)
    run = Pipeline([node(lambda: (1, 2), None, ["first", "second"], name="run")])
    catalog = DataCatalog({"first": MemoryDataset(1), "second": MemoryDataset(2), "third": MemoryDataset()})
    summary.SummaryHooks().after_pipeline_run({}, run, catalog)
    assert capsys.readouterr().err.splitlines() == ["told of first, second"]


@pytest.mark.parametrize("built", [b"a zip", NotBuilt("none keeps the budget")])
def test_the_hook_prints_the_full_path_of_a_bundle_where_there_is_one(tmp_path, capsys, built):
    bundle = BuiltDataset(filepath=str(tmp_path / "edge_bundle.zip"), version=Version(None, "2026-11-27T06.00.00.000Z"))
    bundle.save(built)
    run = Pipeline([node(lambda: built, None, "edge_bundle", name="run")])
    summary.SummaryHooks().after_pipeline_run({}, run, DataCatalog({"edge_bundle": bundle}))
    said = capsys.readouterr().err.splitlines()
    path = tmp_path / "edge_bundle.zip" / "2026-11-27T06.00.00.000Z" / "edge_bundle.zip"
    assert [line for line in said if not line.startswith("Next:")] == (
        [] if isinstance(built, NotBuilt) else [f"For the device: {path}"]
    )
