"""The report is one page that holds all it shows, whose names do no harm and which leaves out what is not known."""

import re
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.report.facts.collect import collect_facts
from gsam_edge.report.pages.html import html_report
from gsam_edge.report.pages.model_card import model_card
from gsam_edge.report.pages.preview import PREVIEW
from gsam_edge.report.sections.html.environment import environment
from gsam_edge.report.sections.html.made import duration
from gsam_edge.report.sections.html.table import PAGE_SECTIONS
from support.run_reports import CONFIG, run_facts, run_reports
from support.squares import found, split

#: Names that would be markup, a terminal's code, an attribute, a template, a style, or would turn the line.
HOSTILE = (
    "<script>alert(1)</script>\x1b[31m\u202e",
    '"\'><img src=x onerror=alert(1)>{{ 7 * 7 }}{% raw %}</style><a href="http://evil.example">\x07',
)


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page():
    return Page(html_report(run_facts()))


def test_every_section_is_there_with_its_line_in_the_contents(page):
    ids = [section["id"] for section in page.all("section")]
    assert ids == [*PAGE_SECTIONS, "words"]
    assert [link["href"] for link in page.all("a")[: len(ids)]] == [f"#{name}" for name in ids]


@pytest.mark.parametrize("missing", sorted({name for section in PAGE_SECTIONS.values() for name in section.needs}))
def test_a_section_whose_report_is_absent_is_left_out_and_no_other(missing):
    reports = run_reports()
    del reports[missing]
    found = [section["id"] for section in Page(html_report(run_facts(reports))).all("section")]
    assert found == [*(name for name, section in PAGE_SECTIONS.items() if missing not in section.needs), "words"]


def test_without_any_report_there_is_still_a_page():
    assert [section["id"] for section in Page(html_report(run_facts({}))).all("section")] == [
        "images",
        "made",
        "words",
    ]


def test_names_from_outside_stay_text():
    text = html_report(run_facts(names=HOSTILE))
    page = Page(text)
    assert not page.all("script")
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in Page(html_report(run_facts())).tags}
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    assert "<script>alert(1)</script>␛[31m\ufffd" in page.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(.{0,12})", text)[0]


@pytest.mark.parametrize("names", [("bag", "seam"), HOSTILE])
def test_nothing_is_loaded_from_elsewhere(names):
    page = Page(html_report(run_facts(names=names)))
    for tag, attributes in page.tags:
        for key in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            if key in attributes:
                assert attributes[key].startswith("#" if tag == "a" else "data:image/jpeg;base64,"), (tag, attributes)
    style = html_report(run_facts(names=names)).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_images_and_charts_say_what_they_show_and_headings_go_down_step_by_step(page):
    assert all(image["alt"] for image in page.all("img"))
    assert all(chart.get("aria-hidden") == "true" or chart["aria-label"] for chart in page.all("svg"))
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    scrolled = [attributes for tag, attributes in page.tags if attributes.get("class") == "scroll"]
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in scrolled)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_cells_of_every_table_know_their_headings(page):
    """A screen reader says a cell's headings only where each says whether it is of a column or of a line."""
    headings = page.all("th")
    assert len(headings) > 50
    assert {heading.get("scope") for heading in headings} == {"col", "row"}
    assert all(region.get("aria-label") for region in page.all("div") if region.get("role") == "region")


def palettes():
    """The colours of the page by scheme: light, dark, print."""
    style = html_report(run_facts()).partition("<style>")[2].partition("</style>")[0]

    def colours(text):
        return dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", text.partition("}")[0]))

    light = colours(style.partition(":root {")[2])
    dark = colours(style.partition("prefers-color-scheme: dark) {")[2].partition(":root {")[2])
    printed = colours(style.partition("@media print {")[2].partition(":root {")[2])
    assert light.keys() == dark.keys() == {*printed, "warn-paper"}
    return {"light": light, "dark": dark, "print": printed}


def contrast(one, other):
    """The ratio of WCAG 2.2: relative luminances of sRGB, lighter over darker, each with 5 % of stray light."""

    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        channels = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_texts_and_charts_stand_out_from_their_ground(scheme):
    """Texts by WCAG's level AA, 4.5; marks of charts 3."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    colours = palettes()[scheme]
    for ground in ("paper", "card", "fill", "good-paper", "bad-paper"):
        for text in ("ink", "soft", "accent", "good", "warn", "bad"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for number in range(6):
        for ground in ("paper", "fill"):
            assert contrast(colours[f"hue{number}"], colours[ground]) >= 3, (number, ground)


def test_the_first_screen_holds_answer_checks_and_next_steps():
    first = html_report(run_facts()).partition(PREVIEW[0])[2].partition(PREVIEW[1])[0]
    for words in ("Finds 94 of 100 objects, with 6 false alarms per 100 images.", "0.42", "8.3 ms", "3.8 MB", "50"):
        assert words in first
    assert "What to do next" in first
    assert "&#39;bag&#39; is taken for &#39;seam&#39; in 13 of 100 cases" in first


def test_what_is_not_proven_is_red_and_few_objects_are_grey():
    reports = run_reports()
    reports["optimization_report"][0]["verdict"] = "refused: it is too slow"
    for row in reports["comparison"]:
        row["objects"] = 4
    page = Page(html_report(run_facts(reports)))
    assert next(item["class"] for item in page.all("li") if item.get("class") in ("bad", "few", "good")) == "bad"
    assert {"class": "sentence few"} in page.all("p")


def test_page_and_card_say_the_same_figures():
    facts = run_facts()
    page, card = Page(html_report(facts)).text, model_card(facts)
    for figure in (facts.answer.sentence, "0.912", "0.881 to 0.936"):
        assert figure in page
        assert figure in card


def test_the_teacher_that_was_measured_is_told_apart_by_its_digests():
    """Its adapters', and that of all of it as it was measured: a figure can be traced to the weights it is of."""
    truth = split((0, 5, 20))
    reports = run_reports(truth.class_names)
    reports["teacher_report"]["grounding_dino"]["adapter"] = "ad" * 32
    reports["comparison"].append({"artefact": "teacher", "device": "cpu", "runtime": "torch", "digest": "7e" * 32})
    facts = collect_facts(
        truth,
        {image["file_name"]: np.zeros((100, 100, 3), np.uint8) for image in truth.images},
        Predictions({}, truth.class_names, PredictorInfo("student", "", prompted_with_boxes=False)),
        dataset="data/sample",
        student_digest="c1f7",
        reports={name: reports[name] for name in ("teacher_report", "comparison", "student_thresholds", "run_record")},
        config=CONFIG,
        most_drop=0.5,
        match_iou=0.5,
        unlabelled={},
        doubts={},
    )
    for text in (Page(html_report(facts)).text, model_card(facts)):
        for digest in ("ad" * 32, "7e" * 32, "c1f7"):
            assert digest in text


def jpeg(image):
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def test_images_are_bounded_in_number_and_size():
    """Six images of each kind in the default size are far under the page's 8 MB, even of noise."""
    truth = split((0, 5, 20), (0, 9, 60), (1, 5, 40), (2, 9, 0))
    answers = {0: found((0.9, 0, 20), (0.8, 1, 60)), 1: found((0.7, 1, 80)), 2: found(), 3: found((0.05, 0, 0))}
    predictions = Predictions(
        {image_id: PackedDetections.pack(each) for image_id, each in answers.items()},
        truth.class_names,
        PredictorInfo("student", "", prompted_with_boxes=False),
    )
    noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    images = dict.fromkeys((image["file_name"] for image in truth.images), noise)
    reports = run_reports(truth.class_names)
    reports["student_thresholds"]["classes"] = {name: {"threshold": 0.1} for name in truth.class_names}
    reports["failure_report"]["images"] = [
        {
            "image_id": image["id"],
            "file_name": image["file_name"],
            "score": 1.0,
            "reasons": [
                {"kind": kind, "text": f"{kind} {row}"}
                for kind in ("missed", "invented", "outlined")
                for row in range(3)
            ],
        }
        for image in truth.images
    ]
    reports["review_report"]["worst"] = [{"file_name": f"{row}.png", "reasons": ["odd"] * 3} for row in range(9)]
    reports["next_to_label"]["images"] = [
        {"rank": row, "file_name": f"unlabelled/{row}.png", "from": "unlabelled", "why": "it is odd"}
        for row in range(9)
    ]
    facts = collect_facts(
        truth,
        images,
        predictions,
        dataset="data/sample",
        student_digest="c1f7",
        reports=reports,
        config=CONFIG,
        most_drop=0.5,
        match_iou=0.5,
        unlabelled={f"{row}.png": noise for row in range(9)},
        doubts={f"{row}.png": jpeg(np.concatenate([noise, noise], axis=1)) for row in range(9)},
    )
    assert facts.dataset == "sample"
    for kind in ("missed", "invented"):
        assert len(facts.shown(kind)) == CONFIG.images
        assert facts.shown(kind)[0].text == f"{kind.capitalize()} 0. {kind.capitalize()} 1. And 1 more."
    assert [image.file_name for image in facts.shown("found")] == ["0.png"]
    assert facts.shown("found")[0].text == "Found: bolt, nut."
    assert [image.text for image in facts.shown("proposed")] == ["0: it is odd.", "1: it is odd."]
    assert [image.text for image in facts.shown("doubted")] == ["Odd. Odd. And 1 more."]
    assert facts.shown("confused")[0].text == "Outlined 0. Outlined 1. And 1 more."
    assert all(
        image.width <= (2 if image.kind == "doubted" else 1) * CONFIG.image_width for image in facts.shown_images
    )
    singles = max(len(image.source) for image in facts.shown_images if image.kind != "doubted")
    pairs = max(len(image.source) for image in facts.shown("doubted"))
    scale = (480 / CONFIG.image_width) ** 2
    assert (5 * 6 * singles + 3 * pairs) * scale < 8e6


def test_times_in_words():
    assert [duration(seconds) for seconds in (3.2, 125, 3725)] == ["3 s", "2 min 5 s", "1 h 2 min"]


def _section(reports, name):
    return html_report(run_facts(reports)).partition(f'<section id="{name}"')[2].partition("</section>")[0]


def test_the_times_of_all_stages_are_shown_and_no_artefact_that_was_timed_in_part():
    reports = run_reports()
    stages = {"decode": 1.0, "preprocess": 2.0, "inference": 7.0}
    rows = reports["comparison"]
    rows[:] = [rows[0] | {"artefact": "teacher", "stages_ms": {"decode": 1.5}}, rows[1] | {"stages_ms": stages}]
    shown = _section(reports, "artefacts").partition("Where the time goes")[2].partition("</table>")[0]
    assert [name for name in (*stages, "teacher") if name in shown] == list(stages)


def test_a_difference_says_whether_it_is_of_boxes_or_of_masks():
    reports = run_reports()
    (part,) = (part for part in reports["evaluation_report"]["differences"].values())
    part["figures"]["mask_map50"] = dict(part["figures"]["box_map50"])
    shown = _section(reports, "artefacts").partition("Do they differ")[2].partition("</table>")[0]
    assert shown.count(">boxes<") == shown.count(">masks<") == 1


def test_files_that_miss_the_same_stand_in_one_line():
    reports = run_reports()
    reports["recommendation"]["others"] = [
        {"artefact": name, "misses": [why]}
        for name, why in (("student", "slower"), ("student_ncnn", "not asked for"), ("student_litert", "not asked for"))
    ]
    rows = _section(reports, "file").partition("<tbody>")[2].partition("</tbody>")[0]
    assert (rows.count("<tr>"), rows.count("not asked for")) == (2, 1)
    assert "student_ncnn" in rows
    assert "student_litert" in rows


def test_a_command_in_an_advice_is_code_and_nothing_else_in_it_is_markup():
    assert (
        environment().filters["coded"]("run `kedro run --env=full` on <b>")
        == "run <code>kedro run --env=full</code> on &lt;b&gt;"
    )
