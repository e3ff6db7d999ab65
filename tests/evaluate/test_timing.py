"""All artefacts are timed in turns, what disturbs them is seen, and one that fails costs its own times alone."""

import functools

import numpy as np
import pytest

from gsam_edge.evaluate.comparison import NothingMeasuredError, comparison_rows, with_times
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.evaluate.timing import Timed, time_artefacts
from support.odd_artefacts import artefacts

__all__ = ["artefacts"]


def config(**changes):
    usual = {
        "warmup_calls": 0, "timed_calls": 20, "timed_seconds": 60, "least_timed_calls": 2, "threads": 1,
        "timeout_s": 60, "score_threshold": 0.1,
        "timed_score_threshold": 0.2, "match_box_iou": 0.5, "image_score_threshold": 0.3, "image_rows": 1,
        "image_width": 32,
    }  # fmt: skip
    return EvaluationConfig(**usual | changes)


def images(count):
    return [np.full((8, 8, 3), row, np.uint8) for row in range(count)]


def test_each_gets_the_same_images_as_often_and_its_own_prompt(artefacts, tmp_path):
    notes = {name: tmp_path / name for name in ("one", "other")}
    timed = {name: Timed(functools.partial(artefacts.noting, str(path))) for name, path in notes.items()}
    timed["prompted"] = Timed(artefacts.prompted, [np.full((1, 4), row, np.float32) for row in range(3)])
    rows = time_artefacts(timed, images(3), config(warmup_calls=1, timed_calls=4))
    assert list(rows) == list(timed)
    seen = {path.read_text() for path in notes.values()}
    assert seen in ({"0 0 1 2 0 "}, {"0 0 1 2 0 " * 2})  # twice where something disturbed this machine
    for row in rows.values():
        assert (row["timed_calls"], row["threads"]) == (4, 1)
        assert 0 < row["latency_ms_median"] <= row["latency_ms_p95"]


@pytest.mark.parametrize(("slow_until", "stays"), [(20, False), (1000, True)])
def test_times_with_a_long_tail_are_taken_once_more_and_then_said(artefacts, tmp_path, caplog, slow_until, stays):
    calls = tmp_path / "calls"
    timed = {"odd": Timed(functools.partial(artefacts.jumping, slow_until, str(calls)))}
    odd = time_artefacts(timed, images(2), config())["odd"]
    assert calls.read_text() == "40"
    assert odd["measured_again"]
    assert odd.get("latency_disturbed", False) == stays
    assert "odd: p95 is more than 3 times p50" in caplog.text
    assert ("the second time too" in caplog.text) == stays


def test_a_slow_one_takes_part_in_fewer_turns_spread_over_all(artefacts, tmp_path):
    notes = {name: tmp_path / name for name in ("slow", "quick")}
    timed = {
        "slow": Timed(functools.partial(artefacts.noting, str(notes["slow"]), 0.05)),
        "quick": Timed(functools.partial(artefacts.noting, str(notes["quick"]))),
    }
    settings = config(warmup_calls=1, timed_calls=6, timed_seconds=0.1, least_timed_calls=2)
    rows = time_artefacts(timed, images(6), settings)
    assert rows["slow"]["timed_calls"] == 2  # 50 ms each and more
    assert rows["quick"]["timed_calls"] == 6
    assert notes["slow"].read_text() in ("0 2 5 ", "0 2 5 2 5 ")  # the warm-up, then every third turn
    assert notes["quick"].read_text().startswith("0 0 1 2 3 4 5 ")


def test_quiet_times_are_taken_once(artefacts):
    row = time_artefacts({"even": Timed(artefacts.sleeper)}, images(2), config(timed_calls=10))["even"]
    if not row.get("latency_disturbed"):  # by what else this machine does
        assert row["latency_ms_median"] >= 20
    assert "measured_again" not in row or row["timed_calls"] == 10


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (("refusing",), "refused to load: expected a device, got none"),
        (("failing_at", 3), "failed to predict: RuntimeError: the engine gives up"),
        (("dying", 11), "was ended by SIGSEGV when asked to predict"),
    ],
)
def test_one_that_fails_costs_its_own_times_alone(artefacts, odd, why):
    name, *arguments = odd
    failing = functools.partial(getattr(artefacts, name), *arguments)
    even = Timed(functools.partial(artefacts.echo, False))
    rows = time_artefacts({"odd": Timed(failing), "even": even}, images(2), config(timed_calls=5))
    assert set(rows["odd"]) == {"why"}
    assert why in rows["odd"]["why"]
    assert rows["even"]["timed_calls"] == 5


ROW = {
    "artefact": "student", "runtime": "torch", "device": "cpu", "latency_ms_median": 50.0, "latency_ms_p95": 60.0,
    "fps": 20.0, "timed_calls": 9, "threads": 1, "stages_ms": {"decode": 3.0, "inference": 40.0}, "size_mb": 1.0,
}  # fmt: skip
TIMES = {
    "latency_ms_median": 10.0, "latency_ms_p95": 12.0, "timed_calls": 20, "threads": 2, "stages_ms": {"inference": 8.0},
}  # fmt: skip


def test_the_times_in_turns_stand_in_the_row():
    row = with_times(ROW, {"student": TIMES})
    assert {name: row[name] for name in TIMES if name != "stages_ms"} == {
        name: value for name, value in TIMES.items() if name != "stages_ms"
    }
    assert row["fps"] == 100
    assert row["stages_ms"] == {"decode": 3.0, "inference": 8.0}
    assert row["size_mb"] == 1


def test_what_could_not_be_timed_keeps_its_other_figures():
    row = with_times(ROW, {"student": {"why": "it hung"}})
    assert row == {
        "artefact": "student", "runtime": "torch", "device": "cpu", "threads": 1, "size_mb": 1.0,
        "latency_why": "it hung",
    }  # fmt: skip


def test_a_comparison_holds_what_was_measured_and_there_is_none_of_nothing():
    absent = {"artefact": "student_onnx", "status": "failed", "why": "it crashed"}
    rows = comparison_rows({"student": ROW, "student_onnx": absent}, {"student": TIMES})
    assert [row["artefact"] for row in rows] == ["student"]
    with pytest.raises(NothingMeasuredError, match=r"got none: student_onnx: it crashed"):
        comparison_rows({"student_onnx": absent}, {})
