"""How it was made: times, seeds, versions, digests and parameters, so that it can be made again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered


def how_it_was_made(facts: Facts) -> Markup:
    """Shows when each step ran and for how long, with which parameters, code and data."""
    record = facts.reports.get("run_record", {})
    steps = []
    for name, step in record.get("steps", {}).items():
        ended = max(node["ended"] for node in step["nodes"].values())
        took = duration(sum(node["seconds"] for node in step["nodes"].values()))
        steps.append(
            (name, ended[:16].replace("T", " "), took, step.get("commit", ""), list(_flat(step["parameters"])))
        )
    seeds = sorted(
        {step["parameters"]["seed"] for step in record.get("steps", {}).values() if "seed" in step["parameters"]}
    )
    return rendered(
        "sections/made.html",
        facts=facts,
        steps=steps,
        seeds=seeds,
        versions=sorted(facts.versions.items()),
    )


def duration(seconds: float) -> str:
    """Returns a time in words, such as "3 min 20 s"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yields nested parameters by dotted names."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, "not set" if value is None else str(value)


def made_advice(facts: Facts) -> Sequence[str]:
    """Advises how to make it again."""
    return ("Keep this file beside the model: with the same data, commit and parameters the run can be made again.",)
