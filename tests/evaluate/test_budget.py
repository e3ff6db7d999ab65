"""Which artefact is recommended, and that the others are told what they miss."""

import hashlib
from pathlib import Path

import pytest

from gsam_edge.evaluate.budget import BudgetConfig, recommend
from gsam_edge.export.files import ArtefactFiles

NONE = {"latency_ms": None, "size_mb": None, "peak_memory_mb": None, "min_map50": None}


def row(artefact, ms=10.0, mb=10.0, map50=0.9, memory=100.0, **changes):
    runtime = "torch 2 cpu" if artefact in ("teacher", "student") else "onnxruntime 1 cpu"
    return {
        "artefact": artefact, "runtime": runtime, "device": "cpu", "threads": 2, "box_map50": map50,
        "latency_ms_median": ms, "latency_ms_p95": 1.1 * ms, "size_mb": mb, "peak_memory_mb": memory,
        "digest": artefact,
    } | changes  # fmt: skip


TEACHER, STUDENT = row("teacher", 80.0, 20.0, 0.8), row("student", 16.0, 13.0)
ONNX, INT8 = row("student_onnx", 11.0, 13.0), row("student_onnx_int8", 8.0, 3.8, 0.897)
ROWS = [TEACHER, STUDENT, ONNX, INT8]


def report(**lost):
    """An `evaluation_report` in which artefacts lose so many points, with intervals of one point to both sides."""
    figures = {
        name: {"box_map50": {"difference": -points / 100, "ci95": [(-points - 1) / 100, (1 - points) / 100]}}
        for name, points in lost.items()
    }
    return {"differences": {name: {"against": "student", "figures": of} for name, of in figures.items()}}


LOST = report(teacher=10, student_onnx=0, student_onnx_int8=0.3)


def recommended(rows=ROWS, unmeasured=None, differences=LOST, **limits):
    files = ArtefactFiles(Path("nowhere/student"))
    return recommend(rows, unmeasured or {}, differences, BudgetConfig(**NONE | limits), files)


def misses(told):
    return {other["artefact"]: "; ".join(other["misses"]) for other in told["others"]}


def test_the_fastest_that_loses_nothing_that_can_be_told_is_shipped():
    told = recommended()
    assert told["ship"] == "student_onnx_int8"
    assert told["digest"] == "student_onnx_int8"
    assert "not distinguishably below the student's" in told["why"]
    for part in ("box mAP50 0.897", "8.0 ms", "3.8 MB", "100 MB of memory", "on cpu with 2 threads"):
        assert part in told["why"]
    assert misses(told) == {
        "teacher": "it is the teacher: it needs prompts, and is no file for a device",
        "student": "it needs PyTorch: what it is exported to is for the device",
        "student_onnx": "11.0 ms against 8.0 ms of student_onnx_int8",
    }


def test_a_faster_one_that_loses_accuracy_is_not():
    told = recommended(differences=report(student_onnx=0, student_onnx_int8=4))
    assert told["ship"] == "student_onnx"
    assert misses(told)["student_onnx_int8"] == "box mAP50 0.897, 4.0 points (3.0 to 5.0) below the student's"


@pytest.mark.parametrize(
    ("limits", "missed", "reason"),
    [
        ({"latency_ms": 10}, "student_onnx", "11.0 ms, at most 10 asked for (budget.latency_ms)"),
        ({"size_mb": 5}, "student_onnx", "13.0 MB, at most 5 asked for (budget.size_mb)"),
        ({"min_map50": 0.8985}, "student_onnx_int8", "box mAP50 0.897, at least 0.8985 asked for (budget.min_map50)"),
    ],
)
def test_a_limit_leaves_out_and_says_by_how_much(limits, missed, reason):
    told = recommended(**limits)
    assert told["ship"] == ({"student_onnx", "student_onnx_int8"} - {missed}).pop()
    assert told["why"].startswith("the only one of the exported students within the budget")
    assert misses(told)[missed] == reason
    assert told["budget"] == NONE | limits


def test_masks_are_held_to_the_least_accuracy_too():
    told = recommended([row("student_onnx", mask_map50=0.3)], min_map50=0.5)
    assert told["ship"] is None
    assert misses(told)["student_onnx"] == "mask mAP50 0.300, at least 0.5 asked for (budget.min_map50)"


def test_where_none_is_within_the_budget_none_is_shipped_and_each_says_why():
    told = recommended(peak_memory_mb=50, latency_ms=9)
    assert told["ship"] is None
    assert "file" not in told
    assert "no exported student is within the budget" in told["why"]
    reasons = told["others"][2]["misses"]
    assert reasons == [
        "11.0 ms, at most 9 asked for (budget.latency_ms)",
        "100 MB of memory, at most 50 asked for (budget.peak_memory_mb)",
    ]


def test_what_has_no_row_is_named_with_its_reason():
    told = recommended(unmeasured={"student_ncnn": "refused: slower", "student_openvino": "it failed: it crashed"})
    assert misses(told)["student_ncnn"] == "refused: slower"
    assert misses(told)["student_openvino"] == "it failed: it crashed"
    none = recommended([TEACHER, STUDENT], {"student_onnx": "refused: it finds nothing"})
    assert none["ship"] is None
    assert none["why"].startswith("no exported student was measured")
    assert misses(none)["student_onnx"] == "refused: it finds nothing"


def test_what_finds_nothing_or_was_not_timed_is_not_shipped():
    untimed = {name: value for name, value in ONNX.items() if not name.startswith("latency")}
    told = recommended([row("student_onnx_int8", map50=0.01), untimed | {"latency_why": "it hung"}])
    assert told["ship"] is None
    assert misses(told) == {
        "student_onnx_int8": "it finds next to nothing", "student_onnx": "it could not be timed: it hung"
    }  # fmt: skip


def test_of_those_that_are_as_fast_the_smallest_is_shipped():
    told = recommended([row("student_onnx", 10.0, 13.0), row("student_onnx_int8", 10.3, 4.0)])
    assert told["ship"] == "student_onnx_int8"
    assert "as fast within 5 %" in misses(told)["student_onnx"]


def test_without_intervals_a_point_less_counts_as_less():
    told = recommended(differences={"differences": {}}, rows=[ONNX, row("student_onnx_int8", 8.0, 3.8, 0.85)])
    assert told["ship"] == "student_onnx"
    assert misses(told)["student_onnx_int8"] == "box mAP50 0.850, 5.0 points below the best"
    assert "too few images" in told["why"] or "only one" in told["why"]


def test_where_all_lose_the_best_of_them_is_shipped_and_that_is_said():
    rows = [row("student_onnx", 11.0, map50=0.80), row("student_onnx_int8", 8.0, map50=0.60)]
    told = recommended(rows, differences=report(student_onnx=10, student_onnx_int8=30))
    assert told["ship"] == "student_onnx"
    assert "all of which are less accurate than the student" in told["why"]


def test_a_disturbed_time_is_said():
    assert "(disturbed: p95 is above 3 x p50)" in recommended([ONNX | {"latency_disturbed": True}])["why"]


def test_the_file_is_the_newest_version_with_that_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = {"2026-01-01": b"measured", "2026-01-02": b"measured", "2026-01-03": b"another"}
    for version, content in contents.items():
        (tmp_path / "models" / "student_int8.onnx" / version).mkdir(parents=True)
        (tmp_path / "models" / "student_int8.onnx" / version / "student_int8.onnx").write_bytes(content)
    digest = hashlib.sha256(b"measured").hexdigest()
    files = ArtefactFiles(tmp_path / "models" / "student")
    found = files.find("student_onnx_int8", digest)
    assert found == Path("models/student_int8.onnx/2026-01-02/student_int8.onnx")
    assert files.find("student_onnx_int8", "0") is None
    assert files.find("student_onnx", digest) is None
    (tmp_path / "models" / "student.onnx").write_bytes(b"measured")
    assert files.find("student_onnx", digest) == Path("models/student.onnx")
    told = recommend([INT8 | {"digest": digest}], {}, LOST, BudgetConfig(**NONE), files)
    assert told["file"] == "models/student_int8.onnx/2026-01-02/student_int8.onnx"


@pytest.mark.parametrize("wrong", [{"latency_ms": 0}, {"min_map50": 1.1}, {"latency": 3}])
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BudgetConfig(**NONE | wrong)
