"""Which artefact to ship: what a budget allows, what loses no accuracy, what is fastest."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.files import ArtefactFiles
from gsam_edge.metrics.figures import FIGURES
from gsam_edge.metrics.rows import finds_nothing, is_distinguishable

Row = Mapping[str, Any]

#: The accuracies that may not be lost.
_ACCURACIES = ("box_map50", "mask_map50")
#: Without intervals, since images are too few, an artefact counts as worse from so much less of an accuracy on (0..1).
_LESS = 0.01
#: Times that differ by less than this factor are as good as equal; then the smaller file is better.
_AS_FAST = 1.05


class BudgetConfig(BaseModel):
    """What the device allows and what the job needs; None sets no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: float | None = Field(gt=0, description="most milliseconds of one image, the median")
    size_mb: float | None = Field(gt=0, description="largest file in megabytes (10^6 bytes)")
    peak_memory_mb: float | None = Field(gt=0, description="most resident memory of its process in megabytes")
    min_map50: float | None = Field(ge=0, le=1, description="least mAP50 of boxes, and of masks where there are masks")


def recommend(
    rows: Sequence[Row],
    unmeasured: Mapping[str, str],
    evaluation_report: Mapping[str, Any],
    budget: BudgetConfig,
    files: ArtefactFiles,
) -> dict[str, Any]:
    """Chooses the artefact to ship.

    Of the exported students within the budget, those go out that are worse than the student by more than the luck of
    the test images; if all are, all but those that may be as good as the best. Of the rest it is the fastest, and of
    those that are as good as equally fast the smallest.

    Args:
        rows: of `comparison`.
        unmeasured: what has no row, by artefact the reason.
        evaluation_report: its `differences` say what is worse.
        budget: the limits.
        files: where the exported students lie.

    Returns:
        `budget`; `ship`, the artefact, None where there is none; with it `file`, its path within the project, and
        `digest`, the file's SHA-256; `why`, a sentence; `others` [{artefact, misses: [sentences]}], everything else
        and what it misses.
    """
    misses = {row["artefact"]: _misses(row, budget) for row in rows}
    within = [row for row in rows if not misses[row["artefact"]]]
    worse, all_lose = _worse(within, evaluation_report)
    fit = [row for row in within if row["artefact"] not in worse]
    chosen = _fastest(fit)
    for row in within:
        if chosen is not None and row is not chosen:
            name = row["artefact"]
            misses[name] = worse[name] if name in worse else _slower(row, chosen)
    others = [
        {"artefact": name, "misses": reasons}
        for name, reasons in {**misses, **{name: [why] for name, why in unmeasured.items()}}.items()
        if chosen is None or name != chosen["artefact"]
    ]
    told: dict[str, Any] = {"budget": budget.model_dump(), "ship": None}
    if chosen is None:
        return told | {"why": _why_none(rows, budget), "others": others}
    path = files.find(chosen["artefact"], chosen["digest"])
    return told | {
        "ship": chosen["artefact"],
        "file": None if path is None else str(path),
        "digest": chosen["digest"],
        "why": _why(chosen, len(within), all_lose, evaluation_report, budget),
        "others": others,
    }


def _misses(row: Row, budget: BudgetConfig) -> list[str]:
    """Returns why a measured artefact cannot be shipped, each reason in a sentence."""
    if row["artefact"] == "teacher":
        return ["it is the teacher: it needs prompts, and is no file for a device"]
    if row["runtime"].startswith("torch "):
        return ["it needs PyTorch: what it is exported to is for the device"]
    reasons = []
    if finds_nothing(row):
        reasons.append("it finds next to nothing")
    if "latency_why" in row:
        reasons.append(f"it could not be timed: {row['latency_why']}")
    limits = {"latency_ms": "latency_ms_median", "size_mb": "size_mb", "peak_memory_mb": "peak_memory_mb"}
    for limit, name in limits.items():
        most = getattr(budget, limit)
        if most is not None and name in row and row[name] > most:
            reasons.append(f"{_told(row, name)}, at most {most:g} asked for (budget.{limit})")
    if budget.min_map50 is not None:
        reasons += [
            f"{_told(row, name)}, at least {budget.min_map50:g} asked for (budget.min_map50)"
            for name in _ACCURACIES
            if name in row and row[name] < budget.min_map50
        ]
    return reasons


def _worse(rows: Sequence[Row], evaluation_report: Mapping[str, Any]) -> tuple[dict[str, list[str]], bool]:
    """Returns which artefacts are less accurate than the student or others, and in what; and whether all were."""
    worse: dict[str, list[str]] = {}
    for row in rows:
        told = []
        for name in _ACCURACIES:
            difference = _difference(row, name, evaluation_report)
            best = max((other[name] for other in rows if name in other), default=None)
            if difference is not None and is_distinguishable(difference) is not None:
                if difference["difference"] < 0 and is_distinguishable(difference):
                    low, high = (-100 * end for end in reversed(difference["ci95"]))
                    points = f"{-100 * difference['difference']:.1f} points ({low:.1f} to {high:.1f})"
                    told.append(f"{_told(row, name)}, {points} below the student's")
            elif best is not None and name in row and row[name] < best - _LESS:
                told.append(f"{_told(row, name)}, {100 * (best - row[name]):.1f} points below the best")
        if told:
            worse[row["artefact"]] = told
    if len(worse) < len(rows) or not rows:
        return worse, False
    # All lose: then the best of them is what accuracy there is.
    best_row = max(rows, key=lambda row: sum(row.get(name, 0.0) for name in _ACCURACIES))
    lower = {
        row["artefact"]: worse[row["artefact"]]
        for row in rows
        if any(name in row and row[name] < best_row.get(name, 0.0) - _LESS for name in _ACCURACIES)
    }
    return lower, True


def _difference(row: Row, name: str, evaluation_report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    entry = evaluation_report.get("differences", {}).get(row["artefact"], {})
    difference: Mapping[str, Any] | None = entry.get("figures", {}).get(name)
    return difference


def _fastest(rows: Sequence[Row]) -> Row | None:
    """Returns the fastest artefact, and of those that are as good as equally fast the smallest."""
    timed = [row for row in rows if "latency_ms_median" in row]
    if not timed:
        return None
    least = min(row["latency_ms_median"] for row in timed)
    near = [row for row in timed if row["latency_ms_median"] <= _AS_FAST * least]
    return min(near, key=lambda row: (row["size_mb"], row["latency_ms_median"]))


def _slower(row: Row, chosen: Row) -> list[str]:
    name = chosen["artefact"]
    if row["latency_ms_median"] <= _AS_FAST * chosen["latency_ms_median"]:
        return [f"{_told(row, 'size_mb')} against {_told(chosen, 'size_mb')} of {name}, which is as fast within 5 %"]
    return [f"{_told(row, 'latency_ms_median')} against {_told(chosen, 'latency_ms_median')} of {name}"]


def _why(chosen: Row, count: int, all_lose: bool, evaluation_report: Mapping[str, Any], budget: BudgetConfig) -> str:
    """Returns in a sentence why this one of so many is shipped, with its figures."""
    among = "of the exported students" + (" within the budget" if _is_limited(budget) else "")
    known = [
        is_distinguishable(difference)
        for name in _ACCURACIES
        if (difference := _difference(chosen, name, evaluation_report)) is not None
    ]
    if all_lose:
        choice = f"{among}, all of which are less accurate than the student, the fastest of the most accurate"
    elif count == 1:
        choice = f"the only one {among}"
    elif any(each is not None for each in known):
        choice = f"{among}, the fastest whose accuracy is not distinguishably below the student's"
    else:
        choice = f"{among}, the fastest of the most accurate (too few images with objects for intervals)"
    shown = (*_ACCURACIES, "latency_ms_median", "size_mb", "peak_memory_mb")
    text = f"{choice}: {', '.join(_told(chosen, name) for name in shown if name in chosen)}"
    threads = chosen["threads"]
    text += f", on {chosen['device']} with {threads} thread{'' if threads == 1 else 's'}"
    return text + (" (disturbed: p95 is above 3 x p50)" if chosen.get("latency_disturbed") else "")


def _why_none(rows: Sequence[Row], budget: BudgetConfig) -> str:
    if not any(not row["runtime"].startswith("torch ") for row in rows):
        return "no exported student was measured; the others say why"
    ground = "is within the budget" if _is_limited(budget) else "is of use"
    return f"no exported student {ground}; the others say what each misses"


def _is_limited(budget: BudgetConfig) -> bool:
    return any(limit is not None for limit in budget.model_dump().values())


def _told(row: Row, name: str) -> str:
    """Returns a figure in words, with its interval where there is one."""
    figure = FIGURES[name]
    value = f"{row[name]:.{figure.decimals}f}"
    if name in _ACCURACIES:
        text = f"{figure.heading.replace(chr(10), ' ')} {value}"
        if name in row.get("intervals", {}):
            low, high = row["intervals"][name]
            text += f" ({low:.2f} to {high:.2f})"
        return text
    unit, of = {"latency_ms_median": ("ms", ""), "size_mb": ("MB", ""), "peak_memory_mb": ("MB", " of memory")}[name]
    return f"{value} {unit}{of}"
