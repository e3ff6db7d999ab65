"""Tables of the reports for the terminal."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gsam_edge.coco.provenance import HELD_BACK

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

#: Marks of a finding's severity (error: content was lost or is at risk), and the mark of a check without a finding.
MARKS = {"error": "[red]✗[/]", "warning": "[yellow]![/]", "info": "[cyan]·[/]"}
_IN_ORDER = "[green]✓[/]"
#: Most classes listed; of more, the most frequent ones.
_MOST_CLASSES = 12
#: Most characters of an example.
_LONGEST_EXAMPLE = 400


def validation_summary(report: Mapping[str, Any]) -> "Group":
    """Summarises the `validation_report` in some forty lines: counts, findings, classes and splits.

    Args:
        report: see `coco.report.validation_report`.
    """
    from rich.console import Group
    from rich.text import Text

    lines = [f" {_IN_ORDER} [dim]{what}[/]" for what in _in_order(report)]
    if not report["images_compared"]:
        lines.append(f" {MARKS['info']} duplicates were not looked for: validation.decode_images is false")
    texts = [Text.from_markup(line) for line in lines]
    findings = [_findings(report)] if report["findings"] else []
    return Group(_counts(report), *findings, *texts, "", _classes(report), _splits(report))


def import_summary(report: Mapping[str, Any]) -> "Group":
    """Summarises the `import_report`: what was imported, what was read otherwise, what was left, and the account."""
    from rich.console import Group

    found = report.get("splits", {})
    order = dict.fromkeys(name for name in ("train", "val", "test", *found) if name in found)
    splits = ", ".join(f"{name} {found[name]}" for name in order)
    table = _table("Imported", "images", "objects", "crowds", "boxes", "masks", "classes", "ready-made splits")
    counts = {**report, "objects": report["annotations"] - report["crowds"], "classes": len(report["per_class"])}
    numbers = (str(counts[key]) for key in ("images", "objects", "crowds", "boxes", "masks", "classes"))
    table.add_row(report["format"], *numbers, splits or "none")
    left = _cases("Left behind", "warning", report["skipped"])
    if not report["skipped"]:
        how = ", as the notes say" if report["notes"] else ""
        left.add_row(f"{_IN_ORDER} nothing", "", f"all that was found was taken over{how}")
    notes = [_cases("Taken with a note", "info", report["notes"])] if report["notes"] else []
    return Group(
        table, *notes, left, _account(report["account"], "objects and crowds" if report["crowds"] else "objects")
    )


def _cases(title: str, severity: str, entries: Sequence[Mapping[str, Any]]) -> "Table":
    """Builds a table of what was left or noted: code, count, and under its meaning the first case."""
    from rich.markup import escape

    table = _table(title, "count", "what, and the first case")
    table.columns[0].no_wrap = True  # a code is one word
    for entry in entries:
        first = entry["examples"][0]
        case = escape(": ".join(part for part in (first["where"], first["detail"]) if part))
        table.add_row(f"{MARKS[severity]} {entry['code']}", str(entry["count"]), f"{entry['meaning']}\n[dim]{case}[/]")
    return table


def _account(rows: Sequence[Mapping[str, Any]], objects: str) -> "Table":
    """Builds the table of the account; `objects` is what its row of objects counts."""
    table = _table("Account", "found", "taken", "left", "why")
    for row in rows:
        why = ", ".join(f"{code} {count}" for code, count in row["why"].items())
        left = f"[yellow]{row['left']}[/]" if row["left"] else "0"
        what = objects if row["what"] == "objects" else row["what"]
        table.add_row(what, str(row["found"]), str(row["taken"]), left, why)
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title, *columns, box=SIMPLE_HEAD, pad_edge=False, title_justify="left", header_style="bold")
    for column in table.columns:
        column.overflow = "fold"  # a path or a name is wrapped, never cut off
    return table


def _counts(report: Mapping[str, Any]) -> "Table":
    table = _table("", "in", "kept", "fixed", "dropped", "")
    kinds = " and ".join(kind for kind in ("boxes", "masks") if report[f"has_{kind}"])
    modes = ", ".join(f"{mode} {count}" for mode, count in report["image_modes"].items())
    computed, sizes = report["completed"], report["statistics"]["different_image_sizes"]
    compared, distinct = report["images_compared"], report["distinct_images"]
    size = "of one size" if sizes == 1 else f"of {sizes} sizes"
    copies = f"{distinct} distinct images" if distinct < compared else ""
    boxes = f"{computed['boxes']} boxes computed from masks" if computed["boxes"] else ""
    crowds = report["statistics"].get("crowds", 0)
    apart = f"crowds, which teach nothing: {crowds}" if crowds else ""
    notes = {"images": [size, modes, copies], "annotations": [f"with {kinds}", boxes, apart, _only_areas(report)]}
    for name, note in notes.items():
        table.add_row(f"[bold]{name}[/]", *_numbers(report[name]), "; ".join(filter(None, note)))
    for name, tally in report["health"].items():
        if tally["fixed"] or tally["dropped"]:
            table.add_row(f"[bold]{name}[/]", *_numbers(tally), "of those left, by health.policies")
    return table


def _only_areas(report: Mapping[str, Any]) -> str:
    """Says where nothing but `area` was fixed: most files hold the box's area in it, and no training reads it."""
    fixed = {finding["code"] for finding in report["findings"] if finding["policy"] == "fix"}
    return "fixed: the number in `area` alone, boxes and masks stay" if fixed == {"area_mismatch"} else ""


def _numbers(tally: Mapping[str, int]) -> tuple[str, ...]:
    """Returns the cells of an audit: in, kept, fixed, dropped."""
    dropped = f"[red]{tally['dropped']}[/]" if tally["dropped"] else "0"
    return str(tally["in"]), str(tally["kept"]), str(tally["fixed"]), dropped


def _findings(report: Mapping[str, Any]) -> "Table":
    """Builds the table of findings, the most severe first, each with its first example; others are in the report."""
    from rich.markup import escape

    table = _table("Findings", "count", "was", "what it means")
    table.columns[0].no_wrap = True  # a code is one word
    order = {severity: rank for rank, severity in enumerate(MARKS)}
    done = {"keep": "kept", "fix": "fixed", "drop": "dropped"}
    for finding in sorted(report["findings"], key=lambda finding: order[finding["severity"]]):
        name = f"{MARKS[finding['severity']]} {finding['code']}"
        meaning = escape(finding["meaning"])
        for example in finding["examples"][:1]:
            meaning += f"\n[dim]{escape(_first(example))}[/]"
        table.add_row(name, str(finding["count"]), done[finding["policy"]], meaning)
    return table


def _first(example: Mapping[str, Any]) -> str:
    """Returns an example in a line or two, with the image that it is about."""
    text = f"first: {example['where']}: {example['detail']}".replace("\n", "; ")
    if len(text) > _LONGEST_EXAMPLE:
        text = f"{text[:_LONGEST_EXAMPLE]} ..."
    image = example.get("file_name", "")
    return text if image in text else f"{text} ({image})"


def _in_order(report: Mapping[str, Any]) -> Iterator[str]:
    """Yields what was checked and has no finding, in a few words each."""
    met = {finding["code"] for finding in report["findings"]}
    if not met:
        yield "nothing odd was found"
    # Of an annotation that stays, the box or the mask may be lost.
    severe = (finding["code"] for finding in report["findings"] if finding["severity"] == "error")
    lost = [code for code in severe if not code.startswith(("image_", "category_", "split_"))]
    if not report["images"]["dropped"]:
        yield "every image is there and readable"
    if not (report["annotations"]["dropped"] or report["health"].get("annotations", {}).get("dropped") or lost):
        yield "no annotation was lost"
    if report["images_compared"] and not {"image_listed_twice", "exact_duplicate", "near_duplicate"} & met:
        yield "no image is there twice"
    if not {"annotation_duplicate", "overlapping_duplicate", "mask_box_disagreement"} & met:
        fit = ", boxes fit their masks" if report["has_boxes"] and report["has_masks"] else ""
        yield f"no object labelled twice{fit}"
    if not {"class_missing_from_split", "class_below_minimum", "class_imbalance"} & met:
        yield "every class is frequent enough, in every split"
    if "split_leak" not in met:
        yield "no split shows what another one shows"


def _classes(report: Mapping[str, Any]) -> "Table":
    from rich.markup import escape

    parts, total = report["splits"], report["statistics"]
    table = _table("Classes", "objects", "share", "images", *parts)
    names = sorted(total["per_class"], key=lambda name: -total["per_class"][name])
    for name in names[:_MOST_CLASSES]:
        counts = (part["per_class"][name] for part in parts.values())
        table.add_row(
            escape(name),
            str(total["per_class"][name]),
            f"{total['share_per_class'][name]:.1%}",
            str(total["images_per_class"][name]),
            *(str(count) if count else "[yellow]0[/]" for count in counts),
        )
    if len(names) > _MOST_CLASSES:
        table.add_row(f"[dim]and {len(names) - _MOST_CLASSES} rarer classes[/]")
    return table


def _splits(report: Mapping[str, Any]) -> "Group":
    from rich.console import Group
    from rich.text import Text

    crowds = ["crowds"] if "crowds" in report["statistics"] else []
    table = _table("Splits", "images", "share", "objects" if crowds else "annotations", *crowds, "groups kept together")
    for name, part in report["splits"].items():
        apart = [str(part.get("crowds", 0)) for _ in crowds]
        objects = str(part["annotations"] - part.get("crowds", 0))
        share, together = f"{part['share_of_images']:.1%}", str(part["groups_kept_together"])
        table.add_row(name, str(part["images"]), share, objects, *apart, together)
    for name in sorted(report["split"]["ratios"].keys() - report["splits"].keys()):
        table.add_row(name, "[yellow]0[/]")
    how = report["split"]
    deviation = f"furthest from its share: {how['largest_deviation_of']}, by {how['largest_deviation']:.1%}"
    kept = ""
    if HELD_BACK in report["splits"]:
        kept = "\n held_back: training images whose labels are not used (see split); the teachers label them"
    return Group(table, Text(f" {how['why']}\n {deviation}{kept}", style="dim"))


def next_command(pipeline: str, runtime: Mapping[str, Any], env: str | None = None) -> str:
    """Returns the command of the next pipeline with the same parameters, quoted for a shell.

    Args:
        pipeline: name of the next pipeline.
        runtime: the parameters that this run was given on the command line, nested.
        env: the environment of this run.
    """
    given = ",".join(f"{key}={value}" for key, value in _flat(runtime, ()))
    parts = [f"--pipeline={pipeline}", f"--env={env}" if env else "", f"--params={given}" if given else ""]
    return shlex.join(["kedro", "run", *(part for part in parts if part)])


def _flat(value: Mapping[str, Any], path: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, (*path, str(key)))
        else:
            yield ".".join((*path, str(key))), item
