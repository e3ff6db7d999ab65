"""What the pages name is there: files, headings, commands; and each claim's benchmark has its row."""

import re
import shlex
from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines

from support.readme import commands, snippets

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


def anchors(page):
    """Returns what the headings of a page are called in links, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target), f"{page}: {link}"


def test_every_benchmark_has_a_row_and_no_page_names_one_that_there_is_not():
    there = {path.name for path in ROOT.glob("benchmarks/*.py")}
    table = [line for line in (ROOT / "benchmarks/README.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    assert set(re.findall(r"benchmarks/(\w+\.py)", "".join(line.split(" | ")[1] for line in table))) == there
    assert len({line.split(" | ")[0] for line in table}) == len(table), "a claim stands in two rows"
    for page in PAGES:
        named = set(re.findall(r"benchmarks/(\w+\.py)", page.read_text("utf-8")))
        assert named <= there, f"{page}: there is no {sorted(named - there)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_options_of_a_benchmark_are_those_that_it_has(page):
    for name, options in re.findall(r"benchmarks/(\w+)\.py([^`|#\n]*)", page.read_text("utf-8")):
        program = (ROOT / "benchmarks" / f"{name}.py").read_text("utf-8")
        for option in re.findall(r"--[\w-]+", options):
            assert f'"{option}"' in program, f"{page}: {name}.py has no option {option}"


def test_readme_has_a_snippet_for_a_test_to_run():
    """tests/integration runs them on what a run left."""
    assert snippets()


@pytest.fixture(scope="module")
def parameters():
    configure_project("gsam_edge")
    return OmegaConfigLoader(conf_source=str(ROOT / "conf"), base_env="base", default_run_env="base")["parameters"]


@pytest.mark.parametrize("command", sorted({each for page in PAGES for each in commands(page.read_text("utf-8"))}))
def test_the_runs_that_pages_name_can_be_started(command, parameters):
    """Pipelines, steps, nodes and datasets are there, and each parameter, to its last key where conf/base holds it."""
    for option in shlex.split(command):
        name, _, value = option.partition("=")
        if name == "--pipeline":
            assert value in pipelines
        elif name == "--tags":
            assert set(value.split(",")) <= set(pipelines)
        elif name in ("--from-nodes", "--to-nodes", "--nodes"):
            assert set(value.split(",")) <= {node.name for found in pipelines.values() for node in found.nodes}
        elif name == "--to-outputs":
            assert set(value.split(",")) <= pipelines["__default__"].all_outputs()
        elif name == "--env":
            assert value == "mine" or (ROOT / "conf" / value).is_dir()
        elif name == "--params":
            # Commas within brackets or quotes part nothing.
            for parameter in re.findall(r"(?:\[[^\]]*\]|\{[^}]*\}|'[^']*'|[^,\[{'])+", value):
                if parameter.split()[0] == "help":
                    continue
                at = parameters
                for key in parameter.partition("=")[0].split("."):
                    if at in (None, {}, "all"):  # what conf/base leaves to the user
                        break
                    assert key in at, f"{parameter}: conf/base has no {key}"
                    at = at[key]
        else:
            assert name in ("", "--only-missing-outputs"), f"{command}: {name}"
