"""Every entry of SECTIONS asks for reports that runs leave, and the hook prints those that have something to say."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.io import DataCatalog, MemoryDataset, Version
from kedro.pipeline import Pipeline, node

from gsam_edge.datasets.models import BuiltDataset
from gsam_edge.export.format import NotBuilt
from gsam_edge.hooks import console
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


def test_the_hook_prints_what_the_sections_say_of_the_reports_of_this_run(monkeypatch, capsys):
    """And loads no report of an earlier run."""

    def tell(reports):
        return f"told of {', '.join(sorted(reports))}"

    table = {"one": Section("one", ("first", "second"), tell), "other": Section("other", ("third",), tell)}
    monkeypatch.setattr("gsam_edge.report.sections.table.SECTIONS", table)
    monkeypatch.setattr(console, "SECTIONS", table)
    run = Pipeline([node(lambda: (1, 2), None, ["first", "second"], name="run")])
    catalog = DataCatalog({"first": MemoryDataset(1), "second": MemoryDataset(2), "third": MemoryDataset()})
    console.SummaryHooks().after_pipeline_run({}, run, catalog)
    assert capsys.readouterr().err.splitlines() == ["told of first, second"]


@pytest.mark.parametrize("built", [b"a zip", NotBuilt("none keeps the budget")])
def test_the_hook_prints_the_full_path_of_a_bundle_where_there_is_one(tmp_path, capsys, built):
    bundle = BuiltDataset(filepath=str(tmp_path / "edge_bundle.zip"), version=Version(None, "2026-11-27T06.00.00.000Z"))
    bundle.save(built)
    run = Pipeline([node(lambda: built, None, "edge_bundle", name="run")])
    console.SummaryHooks().after_pipeline_run({}, run, DataCatalog({"edge_bundle": bundle}))
    said = capsys.readouterr().err.strip()
    path = tmp_path / "edge_bundle.zip" / "2026-11-27T06.00.00.000Z" / "edge_bundle.zip"
    assert said == ("" if isinstance(built, NotBuilt) else f"For the device: {path}")
