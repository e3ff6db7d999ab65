"""The table of the exported students says what was measured, and names what nobody asked for in one line."""

from rich.console import Console

from gsam_edge.report.sections.artefacts import artefacts_summary

ROWS = [
    {
        "artefact": "student_onnx",
        "size_mb": 13.12,
        "accuracy": {"images": 30, "objects": 99, "found": 80, "box_map50_95": 0.6712},
        "latency": {"ms": 40.04, "calls": 9, "threads": 2},
        "verdict": "accepted: prompt-free",
    },
    {
        "artefact": "student_onnx_int8",
        "size_mb": 3.6,
        "accuracy": {
            "images": 30,
            "objects": 99,
            "found": 80,
            "box_map50_95": 0.5601,
            "box_drop": 11.11,
            "box_drop_ci95": [8.04, 14.2],
        },
        "latency": {"ms": 23.0, "fp32_ms": 40.0, "ratio": 1.739, "calls": 9, "threads": 2},
        "verdict": "refused: box mAP50-95 0.560 against 0.671 of student_onnx [gate]",
        "notes": ["minmax over 100 training images"],
    },
    {"artefact": "student_abacus", "verdict": "not built: the package abacus is not installed; pip install abacus"},
    {"artefact": "student_litert", "verdict": "not built: not asked for: formats"},
    {"artefact": "student_ncnn", "verdict": "not built: not asked for: formats"},
]


def shown(rows):
    console = Console(width=160)
    with console.capture() as capture:
        console.print(artefacts_summary(rows))
    return capture.get()


def test_every_artefact_has_its_figures_and_its_verdict():
    text = shown(ROWS)
    words = " ".join(text.replace("│", " ").split())
    for part in (
        "judged by 30 validation images",
        "student_onnx 13.1 40.0 - 0.671 accepted: prompt-free",
        "student_onnx_int8 3.6 23.0 1.74 0.560 refused: box mAP50-95 0.560 against 0.671 of student_onnx [gate]",
        "40.0 11.1 (8.0 to 14.2) minmax over 100 training images",
        "student_abacus - - - - not built: the package abacus is not installed; pip install abacus",
        "not asked for (--params=formats=...): litert, ncnn",
    ):
        assert part in words
    assert "mask" not in text


def test_nothing_measured_is_a_table_too():
    assert "student_abacus" in shown(ROWS[2:3])
    assert "not asked for (" not in shown(ROWS[:2])
