"""The model card reads as one on the Hugging Face hub, and no name in it is markup."""

import pytest
from huggingface_hub import ModelCard

from gsam_edge.report.pages.model_card import _markdown, model_card
from support.run_reports import run_facts, run_reports

HOSTILE = (
    "<script>x</script> [a](javascript:alert(1))\n# top\x1b",
    "| a | `b` **c** {{ 7 * 7 }} __d__\n---\nlicense: mit",
)


def test_the_header_holds_the_figures_that_the_hub_indexes():
    card = ModelCard(model_card(run_facts()))
    data = card.data
    assert (data.license, data.pipeline_tag, data.model_name) == (
        "agpl-3.0",
        "object-detection",
        "bag student_onnx_int8",
    )
    figures = {result.metric_type: result.metric_value for result in data.eval_results}
    assert figures == {"box mAP50": 0.912, "recall": 0.94, "precision": round(94 / 97, 4), "F1": round(188 / 197, 4)}
    assert {(result.dataset_name, result.dataset_split) for result in data.eval_results} == {("bag", "test")}


def test_a_student_with_masks_segments():
    reports = run_reports()
    reports["comparison"][1]["mask_map50"] = 0.8
    assert ModelCard(model_card(run_facts(reports))).data.pipeline_tag == "image-segmentation"


def test_accuracy_is_that_of_boxes_and_of_masks_each_by_its_name():
    reports = run_reports()
    reports["comparison"][1] |= {"mask_map50": 0.8, "box_map50_95": 0.7}
    figures = reports["evaluation_report"]["artefacts"]["student_onnx_int8"]["figures"]
    figures["mask_map50_95"] = {"value": 0.6, "ci95": [0.55, 0.64]}
    lines = model_card(run_facts(reports)).splitlines()
    assert "| box mAP50 | 0.912 (0.881 to 0.936) |" in lines
    assert "| box mAP50-95 | 0.700 |" in lines
    assert "| mask mAP50 | 0.800 |" in lines
    assert "| mask mAP50-95 | 0.600 (0.550 to 0.640) |" in lines


def test_the_text_has_the_parts_of_the_hubs_template():
    headings = [line for line in model_card(run_facts()).splitlines() if line.startswith("## ")]
    assert headings == [
        "## Model Details",
        "## Uses",
        "## Bias, Risks, and Limitations",
        "## How to Get Started with the Model",
        "## Training Details",
        "## Evaluation",
        "## Technical Specifications",
    ]


def test_no_name_becomes_markup():
    text = model_card(run_facts(names=HOSTILE))
    plain, hostile = (model_card(run_facts(names=names)).splitlines() for names in (("bag", "seam"), HOSTILE))
    body = text.partition("\n---\n")[2]
    assert "<script>" not in body
    assert "](javascript" not in body.replace("\\]", "")
    assert "\x1b" not in text
    for start in ("#", "- **", "| ---"):
        assert len([line for line in hostile if line.startswith(start)]) == len(
            [line for line in plain if line.startswith(start)]
        )
    header = ModelCard(text).data
    assert (header.license, header.model_name) == ("agpl-3.0", f"{HOSTILE[0]} student_onnx_int8")


def test_without_reports_the_card_says_so():
    assert "It was not evaluated." in model_card(run_facts({}))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("# x", "\\# x"),
        ("1. x", "1\\. x"),
        ("0.289", "0.289"),
        ("a_b*c`d|e", "a\\_b\\*c\\`d\\|e"),
        ("a\n\nb", "a b"),
        (", ", ", "),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
    ],
)
def test_text_is_escaped_as_commonmark_asks(text, written):
    assert _markdown(text) == written
