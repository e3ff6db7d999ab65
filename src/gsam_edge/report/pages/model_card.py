"""The model card in the layout of the Hugging Face hub, from the same facts as the report."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from gsam_edge.metrics.figures import FIGURES
from gsam_edge.report.facts.checks import sentence
from gsam_edge.report.facts.estimate import Estimate
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.sections.html.environment import Absent
from gsam_edge.report.svg.markup import plain

#: What Markdown, or the formulas that the hub adds to it, would read as something else than text.
_MARKS = re.compile(r"([\\`*_\[\]|~$])")
#: What would begin a heading, a list or a quotation at the beginning of a text.
_BEGINNING = re.compile(r"^(\s*(?:\d+(?=[.)]))?)([#+\-=>.)]+)(?=\s|$)")
_LICENCE = "agpl-3.0"
#: The accuracies of a card, by their names in the reports.
_ACCURACY = {
    name: FIGURES[name].heading.replace("\n", " ")
    for name in ("box_map50", "box_map50_95", "mask_map50", "mask_map50_95")
}


def model_card(facts: Facts) -> str:
    """Renders the card: YAML with the figures that the hub indexes, then text for people.

    Args:
        facts: what the run came to. A part whose report is absent is left out.
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    answer = facts.answer
    task = "image-segmentation" if answer is not None and answer.of_masks else "object-detection"
    figures = _figures(facts)
    data = ModelCardData(
        license=_LICENCE,
        library_name="gsam_edge",
        pipeline_tag=task,
        tags=["gsam_edge", "edge", "distillation", task],
        model_name=f"{facts.dataset} {facts.described}" if facts.described else facts.dataset,
        eval_results=[
            EvalResult(
                task_type=task,
                dataset_type=facts.dataset,
                dataset_name=facts.dataset,
                dataset_split="test",
                dataset_revision=facts.digests.get("annotations.json"),
                metric_type=name,
                metric_value=round(figure.value, 4),
                verified=False,
            )
            for name, figure in figures.items()
        ],
    )
    text = (
        _environment()
        .get_template("model_card.md")
        .render(
            facts=facts,
            answer=answer,
            figures=figures,
            student=facts.reports.get("distillation_report", {}).get("student", {}),
        )
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def _figures(facts: Facts) -> Mapping[str, Estimate]:
    """Returns the described artefact's figures (0..1) by names that the hub shows."""
    answer = facts.answer
    if answer is None:
        return {}
    row = facts.rows.get(facts.described or "", {})
    evaluated = facts.evaluated.get(facts.described or "", {}).get("figures", {})
    at = row.get("at_threshold", {})
    named = {
        **{title: _accuracy(name, evaluated, row) for name, title in _ACCURACY.items()},
        "recall": answer.found,
        **{title: Estimate.of(at.get(name)) for name, title in (("precision", "precision"), ("f1", "F1"))},
    }
    return {name: figure for name, figure in named.items() if figure is not None}


def _accuracy(name: str, evaluated: Mapping[str, Any], row: Mapping[str, Any]) -> Estimate | None:
    """Returns a figure with its interval where it was evaluated, else as the comparison has it."""
    return Estimate.of(evaluated.get(name)) or Estimate.of(row.get(name))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("gsam_edge", "report/templates"),
        autoescape=False,  # noqa: S701 - this is Markdown: `finalize` escapes what it would read as markup
        undefined=Absent,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_markdown,
        keep_trailing_newline=True,
    )
    made.filters |= {"sentence": sentence, "code": _code}
    return made


def _markdown(value: Any) -> Any:
    """Returns a text in one line with everything escaped that Markdown or HTML would read as markup."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = re.sub(r"\s+", " ", str(plain(value)))
    text = _MARKS.sub(r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return _BEGINNING.sub(r"\1\\\2", text)


def _code(value: Any) -> Any:
    """Returns a name as code; code knows no escape, so a name that could end it or be a tag is written as text."""
    text = re.sub(r"\s+", " ", str(plain(str(value))))
    return text if set("`<>|") & set(text) else Markup(f"`{text}`")  # noqa: S704 - Markdown, not HTML
