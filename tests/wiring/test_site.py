"""The site of the docs: what is gathered for it, and that it would load nothing."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages():
    spec = importlib.util.spec_from_file_location("website_pages", ROOT / "website" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def staged(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "pages"
    pages.stage(folder)
    return folder


def test_every_link_of_the_site_leads_to_a_file_of_it(staged):
    for page in staged.rglob("*.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)\s#]+)[^)\s]*\)", text):
            assert "://" in target or (page.parent / target).resolve().is_relative_to(staged.resolve()), (page, target)
            assert "://" in target or (page.parent / target).exists(), (page, target)


def test_every_page_has_its_place_in_the_navigation_and_the_other_way_round(staged):
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    named = re.findall(r"[\w/.-]+\.md", navigation)
    there = {str(page.relative_to(staged)) for page in staged.rglob("*.md")}
    assert len(named) == len(set(named))
    assert set(named) == {page for page in there if not re.match(r"adr/\d", page)}


@pytest.mark.parametrize(
    ("source", "page", "link", "moved"),
    [
        ("README.md", "index.md", "[Data](docs/data.md#splits)", "[Data](data.md#splits)"),
        ("README.md", "index.md", "![](docs/images/a.png)", "![](images/a.png)"),
        ("README.md", "index.md", "[Decisions](docs/adr)", "[Decisions](adr/index.md)"),
        ("docs/devices/x86.md", "devices/x86.md", "[`b`](../../benchmarks/README.md)", "[`b`](../benchmarks.md)"),
        ("docs/a.md", "a.md", "[rules](../src/rules.yml)", "rules (`src/rules.yml`)"),
        ("docs/a.md", "a.md", "[x](#here) [y](https://kedro.org)", "[x](#here) [y](https://kedro.org)"),
        ("docs/a.md", "a.md", "```\n[x](../src/a.py)\n```", "```\n[x](../src/a.py)\n```"),
    ],
)
def test_links_are_moved(pages, source, page, link, moved):
    assert pages.moved_links(link, source=source, page=page) == moved


@pytest.mark.parametrize(
    "content",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<link rel="preconnect" href="https://fonts.example" crossorigin>',
        '<img src="HTTP://shields.example/badge.svg">',
    ],
)
def test_a_page_that_would_load_from_elsewhere_is_refused(pages, tmp_path, content):
    (tmp_path / "index.html").write_text(f"<html><body>{content}</body></html>")
    with pytest.raises(pages.SiteError, match="fetches nothing from elsewhere"):
        pages.check(tmp_path)


def test_a_style_that_would_load_from_elsewhere_is_refused(pages, tmp_path):
    (tmp_path / "index.html").write_text('<a href="https://kedro.org">a link is followed by who wants to</a>')
    pages.check(tmp_path)
    (tmp_path / "a.css").write_text("@import url(https://fonts.example/css);")
    with pytest.raises(pages.SiteError, match="fetches nothing from elsewhere"):
        pages.check(tmp_path)


def test_a_site_without_pages_is_refused(pages, tmp_path):
    with pytest.raises(pages.SiteError, match="got none"):
        pages.check(tmp_path)
