"""The report and the model card are written whole, and their previews do no harm in kedro-viz."""

import inspect
import re
from pathlib import Path

import pytest

from gsam_edge.datasets.reports import HtmlDataset, ModelCardDataset
from gsam_edge.datasets.state import RunRecordDataset
from gsam_edge.report.pages.html import html_report
from gsam_edge.report.pages.model_card import model_card
from gsam_edge.vision.errors import FileError
from support.run_reports import run_facts

HOSTILE = ("[a](javascript:alert(1)) <script>x</script>", "__b__ *c* `d`")


@pytest.mark.parametrize(("dataset", "write"), [(HtmlDataset, html_report), (ModelCardDataset, model_card)])
def test_a_page_is_read_as_it_was_written(tmp_path: Path, dataset, write):
    stored = dataset(filepath=str(tmp_path / "folder" / "page"))
    stored.save(write(run_facts(names=("Öhr", "seam"))))
    assert stored.load() == write(run_facts(names=("Öhr", "seam")))
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["page"]


@pytest.mark.parametrize(("dataset", "write"), [(HtmlDataset, html_report), (ModelCardDataset, model_card)])
def test_kedro_viz_shows_the_answer_as_html_and_finds_no_link_in_a_name(tmp_path: Path, dataset, write):
    stored = dataset(filepath=str(tmp_path / "page"))
    stored.save(write(run_facts(names=HOSTILE)))
    shown = stored.preview()
    assert inspect.signature(stored.preview).return_annotation.__name__ == "HTMLPreview"
    assert "Finds 94 of 100 objects" in shown
    # What kedro-viz turns into links and emphasis after it has cleaned the text.
    assert not re.search(r"\[([^\]]+)\]\(([^)]+)\)", shown)
    assert "_" not in shown
    assert "<script" not in shown


def test_the_preview_of_the_page_brings_neither_its_style_nor_its_drawing(tmp_path: Path):
    stored = HtmlDataset(filepath=str(tmp_path / "page"))
    stored.save(html_report(run_facts()))
    shown = stored.preview()
    assert not re.search(r"<svg|<style|<a\b|class=|href=", shown)
    assert "\n" not in shown


def test_the_record_of_runs_is_empty_before_the_first_and_kept_from_then_on(tmp_path: Path):
    record = RunRecordDataset(filepath=str(tmp_path / "record.json"))
    assert record.exists()
    assert record.load() == {}
    record.save({"steps": {"evaluation": {"folder": tmp_path}}})
    assert record.load() == {"steps": {"evaluation": {"folder": str(tmp_path)}}}
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(Exception, match="delete it") as raised:
        record.load()
    assert isinstance(raised.value.__cause__ or raised.value, FileError)
