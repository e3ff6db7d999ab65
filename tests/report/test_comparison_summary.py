"""The terminal says what an artefact misses in use, which differences mean nothing, and which one to ship."""

import io

import pytest
from rich.console import Console

from gsam_edge.report.differences import told_differences
from gsam_edge.report.sections.comparison import (
    comparison_summary,
    differences_summary,
    recommendation_summary,
    threshold_summary,
)


def printed(*summaries):
    console = Console(file=io.StringIO(), width=120, color_system=None)
    for summary in summaries:
        console.print(summary)
    return console.file.getvalue()


def line_of(text, *words):
    return next(" ".join(line.split()) for line in text.splitlines() if all(word in line for word in words))


def row(artefact, map50, interval=None, **changes):
    intervals = {} if interval is None else {"box_map50": interval}
    return {
        "artefact": artefact, "runtime": "torch 2 cpu", "device": "cpu", "images": 45, "objects": 182,
        "box_map50": map50, "latency_ms_median": 10.0, "latency_ms_p95": 11.0, "size_mb": 3.0, "intervals": intervals,
    } | changes  # fmt: skip


def bold(rows):
    cells = list(comparison_summary(rows).columns[1].cells)
    return [row["artefact"] for row, cell in zip(rows, cells, strict=True) if "[bold" in cell]


class TestComparison:
    def test_intervals_stand_below_and_the_title_says_so(self):
        text = printed(comparison_summary([row("student", 0.9461, [0.8712, 0.991])]))
        assert "45 images, 182 objects, below accuracies their 95 % intervals" in " ".join(text.split())
        assert line_of(text, "0.946").startswith("student 0.946")
        assert "0.87-0.99" in text
        assert "intervals" not in printed(comparison_summary([row("student", 0.9)]))

    def test_of_those_whose_intervals_meet_none_alone_is_best(self):
        best, near, far = row("a", 0.9, [0.85, 0.95]), row("b", 0.88, [0.8, 0.93]), row("c", 0.5, [0.4, 0.6])
        assert bold([best, near, far]) == ["a", "b"]
        assert bold([best, near]) == []
        assert bold([best, far]) == ["a"]
        assert bold([row("a", 0.9), row("b", 0.88)]) == ["a"]

    @pytest.mark.parametrize(
        ("odd", "told"),
        [
            ({"latency_disturbed": True}, "p95 above 3 x p50, twice"),
            ({"latency_why": "it [hung]"}, "not timed: it [hung]"),
            ({"box_map50": 0.0}, "finds next to nothing"),
        ],
    )
    def test_what_must_be_known_of_a_row_stands_below_its_name(self, odd, told):
        text = printed(comparison_summary([row("student", 0.9) | odd, row("teacher", 0.9, runtime="x" * 60)]))
        assert told in " ".join(text.split())


USED = {
    "threshold": "recommended", "found": 170, "objects": 182, "missed": 12, "false_alarms": 3,
    "per_100_images": {"found": 377.7, "missed": 26.6, "false_alarms": 6.7}, "precision": 0.98, "recall": 0.934,
    "ci95": {"recall": [0.88, 0.97]}, "per_class": {"ear [x]": {"threshold": 0.42}, "spot": {"threshold": 0.3}},
}  # fmt: skip


class TestInUse:
    def report(self, **used):
        return {"images": 45, "objects": 182, "artefacts": {"student": {"at_threshold": USED | used}}}

    def test_what_is_missed_and_invented_of_100_images_stands_beside_the_threshold(self):
        text = printed(threshold_summary(self.report()))
        assert "on 100 test images with their 404 objects" in text
        assert line_of(text, "student") == "student 378 27 7 0.98 0.93 0.88-0.97 0.42 ear [x], 0.3 spot"

    @pytest.mark.parametrize(
        ("used", "told"),
        [
            ({"threshold": 0.25}, "0.25 for all classes"),
            ({"per_class": {str(n): {"threshold": n / 10} for n in range(1, 8)}}, "0.1 to 0.7 recommended, by class"),
            ({"per_class": {"a": {"threshold": 0.4}, "b": {"threshold": 0.4}}}, "0.4 recommended"),
        ],
    )
    def test_thresholds_in_words(self, used, told):
        assert line_of(printed(threshold_summary(self.report(**used))), "student").endswith(told)

    def test_a_share_that_does_not_apply_is_a_dash(self):
        found = {name: value for name, value in USED.items() if name != "precision"}
        report = {"images": 45, "objects": 182, "artefacts": {"student": {"at_threshold": found}, "teacher": {}}}
        assert line_of(printed(threshold_summary(report)), "student").startswith("student 378 27 7 - 0.93")

    def test_where_nothing_is_known_there_is_no_table(self):
        assert threshold_summary({"artefacts": {"teacher": {"figures": {}}}}) is None


def difference(points, low, high):
    return {"difference": points / 100, "ci95": [low / 100, high / 100], "verdict": "..."}


REPORT = {
    "differences": {
        "teacher": {"against": "student", "figures": {"box_map50": difference(-11, -15, -7)}},
        "student_onnx": {"against": "student", "figures": {"box_map50": difference(0, 0, 0)}},
        "student_onnx_int8": {
            "against": "student",
            "figures": {"box_map50": difference(-0.3, -0.7, 0.1), "mask_map50": difference(2, 1, 3), "f1": {}},
        },
        "student_few": {"against": "student", "figures": {"box_map50": {"difference": 0.02, "verdict": "..."}}},
    }
}


class TestDifferences:
    def test_where_the_interval_holds_0_they_are_not_distinguishable(self):
        text = printed(differences_summary(REPORT))
        assert "Against student" in text
        assert line_of(text, "int8") == (
            "student_onnx_int8 -0.3 (-0.7 to +0.1) not distinguishable +2.0 (+1.0 to +3.0) better"
        )
        assert line_of(text, "teacher") == "teacher -11.0 (-15.0 to -7.0) worse -"
        assert line_of(text, "student_onnx ") == "student_onnx the same -"
        assert line_of(text, "few") == "student_few +2.0 not known: too few images with objects -"

    def test_the_plot_is_told_the_same(self):
        boxes, masks = told_differences(REPORT)
        assert boxes == (
            "box mAP50 against student, in points with 95 % intervals. Worse: teacher -11.0 (-15.0 to -7.0); "
            "the same: student_onnx; not distinguishable: student_onnx_int8 -0.3 (-0.7 to +0.1); "
            "not known: too few images with objects: student_few +2.0"
        )
        assert masks.endswith("Better: student_onnx_int8 +2.0 (+1.0 to +3.0)")

    def test_without_differences_nothing_is_said(self):
        assert differences_summary({"differences": {}}) is None
        assert list(told_differences({"differences": {}})) == []


class TestRecommendation:
    told = {  # noqa: RUF012
        "budget": {"latency_ms": 10, "size_mb": None},
        "ship": "student_onnx_int8",
        "why": "the fastest of [all]",
        "others": [
            {"artefact": "student_onnx", "misses": ["11.0 ms, at most 10 asked for", "13 MB"]},
            {"artefact": "student_ncnn", "misses": ["not asked for: formats"]},
            {"artefact": "student_openvino", "misses": ["not asked for: formats"]},
        ],
    }

    def test_what_to_ship_and_why_and_what_the_others_miss(self):
        text = printed(recommendation_summary(self.told))
        assert text.startswith("Ship student_onnx_int8: the fastest of [all] (budget: latency_ms 10)")
        assert line_of(text, "at most 10") == "student_onnx 11.0 ms, at most 10 asked for; 13 MB"
        assert "not asked for (--params=formats=...): ncnn, openvino" in text

    def test_nothing_to_ship(self):
        text = printed(recommendation_summary({"budget": {}, "ship": None, "why": "none is of use", "others": []}))
        assert text.strip() == "Nothing to ship: none is of use"
