"""The console says of each teacher what it is worth, and why."""

import io

from rich.console import Console

from gsam_edge.report.sections.teachers import teachers_summary

REPORT = {
    "grounding_dino": {
        "status": "tuned",
        "base": {"map50": 0.0002, "map50_95": 0.0001},
        "tuned": {"map50": 0.0007, "map50_95": 0.0003},
        "verdict": "useless",
        "why": "of 100 objects it would find about 6 [at 0.25]",
    },
    "sam": {"status": "not needed", "why": "the annotations hold no masks"},
    "yolo": {"status": "as it is", "base": {"map50": 0.944}},
}


def test_each_teacher_has_its_figures_and_its_verdict_with_the_reason():
    written = io.StringIO()
    Console(file=written, width=120).print(teachers_summary(REPORT))
    lines = {line.split("│")[1].strip(): line for line in written.getvalue().splitlines() if "│" in line}
    assert [cell.strip() for cell in lines["grounding_dino"].split("│")[2:5]] == ["map50", "0.000", "0.001"]
    assert "useless" in lines["grounding_dino"]
    assert "of 100 objects it would find about 6 [at 0.25]" in written.getvalue()
    assert "not needed: the annotations hold no masks" in lines["sam"]
    assert "0.944" in lines["yolo"]
    assert "as it is" in lines["yolo"]
