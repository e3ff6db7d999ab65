"""The file to ship: where it lies, how it is told apart, how it is run."""

import json
from collections.abc import Sequence

from markupsafe import Markup

from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import rendered

#: How each limit of `params:budget` is called.
_LIMITS = {
    "latency_ms": "at most {:g} ms per image",
    "size_mb": "at most {:g} MB",
    "peak_memory_mb": "at most {:g} MB of memory",
    "min_map50": "an mAP50 of at least {:g}",
}


def file_to_use(facts: Facts) -> Markup:
    """Shows the recommended file, why it is recommended, and what the others miss."""
    budget = facts.recommendation.get("budget") or {}
    limits = [_LIMITS[name].format(limit) for name, limit in budget.items() if limit is not None and name in _LIMITS]
    path = json.dumps(
        facts.recommendation.get("file") or "student.onnx"
    )  # a text as Python reads it, whatever it holds
    # Files that miss the same are one line: a dozen formats that nobody asked for would hide the one that was beaten.
    others: dict[str, list[str]] = {}
    for other in facts.recommendation.get("others", ()):
        others.setdefault("; ".join(other["misses"]), []).append(other["artefact"])
    return rendered(
        "sections/file.html",
        facts=facts,
        recommendation=facts.recommendation,
        limits=limits,
        path=path,
        others=list(others.items()),
    )


def file_advice(facts: Facts) -> Sequence[str]:
    """Advises how to go on with the file, or how to get one."""
    if facts.recommendation.get("ship") is None:
        return ("Raise a limit in the parameter budget, or ask for further formats (--params=formats=...).",)
    steps = ["Run it on images of your own line that are not in this data set, and look at what it draws."]
    if not any(limit is not None for limit in (facts.recommendation.get("budget") or {}).values()):
        steps.append("Say what your device allows (parameter budget: time, size, memory); no limit was set here.")
    return steps
