"""What the console says at the end of a run: its results, where they lie, and the next command."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gsam_edge.export.format import NotBuilt
from gsam_edge.export.table import FORMATS
from gsam_edge.hooks.tracking import runs_address
from gsam_edge.report.console import next_command
from gsam_edge.report.sections.table import SECTIONS, fragments
from gsam_edge.teachers.config import FloorConfig
from gsam_edge.teachers.errors import UselessTeacherError
from gsam_edge.teachers.judging.verdict import refuse_useless
from gsam_edge.vision.text import visible

#: Least width in columns: a narrower table of results would hide its numbers. A file or a pipe counts as 80 columns.
TABLE_WIDTH = 120

#: What a step leaves, and the step that follows it in the job; the last step of a run decides. After the job the
#: student goes to work.
FOLLOWS = {
    "edge_bundle": "inference",
    "report": "bundle",
    "review_report": "report",
    "recommendation": "review",
    "optimization_report": "evaluation",
    "distillation_report": "optimization",
    "teacher_report": "distillation",
    "validation_report": "teacher_finetune",
    "augmentation_sheets": "data_validation",
    "import_review_report": "data_validation",
    "import_report": "data_validation",
}

#: Where the next command takes images from that only the user knows.
_OWN_IMAGES = {"inference": {"source": "path/to/images"}}

#: What people may open, by the names in the catalog; what is in no kind is no more than the input of a later step.
_KINDS = {
    "read first": "report",
    "reports": ".*_report|comparison|recommendation|pruning_comparison|model_card",
    "tables": ".*_table",
    "plots": "plot_.*",
    "images": "augmentation_sheets|review",
    "results": ".*_results",
    "models": f".*_adapter|student(_pruned)?_(weights|{'|'.join(FORMATS)})",
}


def shown(value: Any) -> Any:
    """Returns a report whose texts may be shown in a terminal: names from outside may hold its codes."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {shown(key): shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list | tuple) else value


class SummaryHooks:
    """Prints the summary of a run: its reports and the paths of its results."""

    def __init__(self) -> None:
        self._context: KedroContext | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Keeps the context, in which kedro-mlflow leaves where it tracks."""
        self._context = context

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Prints the sections of the run's reports, the paths of all that people may open, and the next command."""
        console = Console(stderr=True)
        console.width = max(console.width, TABLE_WIDTH)
        outputs = pipeline.all_outputs()
        told = {name for section in SECTIONS.values() for name in section.needs}
        reports = {name: shown(catalog[name].load()) for name in sorted(told & outputs)}
        for fragment in fragments(reports):
            console.print(fragment)
        if file := reports.get("recommendation", {}).get("file"):
            console.print(Text.assemble("The file: ", (str(Path(file).resolve()), "bold")), soft_wrap=True)
        if places := places_of(outputs, catalog):
            table = Table.grid(padding=(0, 2, 0, 0))
            table.add_column(no_wrap=True, style="bold")
            table.add_column(overflow="fold")
            for kind, paths in places.items():
                table.add_row(kind, Text(_listed(paths)))
            for viewer, what in self._viewers(run_params.get("env")):
                table.add_row(what, Text(viewer))
            console.print(Panel(table, title="Where to look", expand=False))
        bundle = _bundle(catalog) if "edge_bundle" in outputs else None
        if bundle:
            console.print(Text.assemble("For the device: ", (bundle, "bold")), soft_wrap=True)
        if why := refusal(outputs, catalog):
            console.print(Text.assemble(("Distillation would refuse this: ", "bold"), visible(why)), soft_wrap=True)
        elif ("edge_bundle" not in outputs or bundle) and (command := next_step(run_params, outputs, catalog)):
            console.print(Text.assemble("Next: ", (command, "bold")), soft_wrap=True)

    def _viewers(self, env: str | None) -> list[tuple[str, str]]:
        """Returns the commands that show more, in this run's environment, and what they show."""
        given = f" --env={env}" if env else ""
        address = "" if self._context is None else f"   then {runs_address(self._context.mlflow)}"
        return [(f"kedro viz run{given}", "pipelines"), (f"kedro mlflow ui{given}{address}", "MLflow")]


def places_of(outputs: set[str], catalog: DataCatalog) -> dict[str, list[Path]]:
    """Returns what people may open of a run's outputs, by kind; the page that says what the others hold comes first.

    Artefacts that were not built and adapters that are not needed are left out.
    """
    kinds: dict[str, list[Path]] = {}
    for kind, names in _KINDS.items():
        found = sorted(name for name in outputs if re.fullmatch(names, name))
        if kind == "models":
            found = [name for name in found if not isinstance(catalog[name].load(), NotBuilt | Mapping)]
        if paths := [path for name in found if (path := _path(catalog, name)) is not None]:
            kinds[kind] = paths
    return kinds


def _path(catalog: DataCatalog, name: str) -> Path | None:
    """Returns where an output lies, relative to the working directory where it is below it; None without a place."""
    dataset = catalog[name]
    place = getattr(dataset, "_filepath", None) or getattr(dataset, "_folder", None)
    if place is None:
        return None
    path = Path(str(place))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _listed(paths: list[Path]) -> str:
    """Returns paths as lines, one a folder, with the names of the files in it."""
    folders: dict[Path, list[str]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path.name)
    lines = []
    for folder, names in folders.items():
        lines.append(str(folder / names[0]) if len(names) == 1 else f"{folder}: {', '.join(names)}")
    return "\n".join(lines)


def next_step(run_params: dict[str, Any], outputs: set[str], catalog: DataCatalog) -> str | None:
    """Returns the command that follows the last step of a run; None after what is no step of the job."""
    left = next((name for name in FOLLOWS if name in outputs), None)
    if left is None:
        return None
    given, env = run_params.get("runtime_params") or {}, run_params.get("env")
    parameters = _OWN_IMAGES.get(FOLLOWS[left]) or {key: given[key] for key in ("dataset",) if key in given}
    if left == "import_report":
        parameters = {"dataset": catalog["import_report"].load()["output"]}
    return next_command(FOLLOWS[left], parameters, env)


def refusal(outputs: set[str], catalog: DataCatalog) -> str | None:
    """Returns why the step after a run would refuse what it left, teachers that are no use, and what to do instead."""
    if next((name for name in FOLLOWS if name in outputs), None) != "teacher_report":
        return None
    floor = FloorConfig.model_validate(catalog["params:teacher_floor"].load())
    try:
        refuse_useless(catalog["teacher_report"].load(), floor)
    except UselessTeacherError as error:
        return str(error)
    return None


def _bundle(catalog: DataCatalog) -> str | None:
    """Returns the full path of the bundle that a run wrote; None where there is none, as the log says."""
    bundle = catalog["edge_bundle"]
    return str(Path(bundle._get_load_path()).resolve()) if isinstance(bundle.load(), bytes) else None
