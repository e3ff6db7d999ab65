"""The terminal says what a pruned student lost and saved."""

from io import StringIO

import pytest
from rich.console import Console

from gsam_edge.report.sections.pruning import pruning_summary

REPORT = {
    "test": {
        "student": [{"box_map50_95": 0.5}],
        "pruned": [{"box_map50_95": 0.1}, {"box_map50_95": 0.2}],
        "recovered": [{"box_map50_95": 0.45}, {"box_map50_95": 0.47}],
    },
    "verdict": "35.0 % fewer flops",
}


@pytest.mark.parametrize(
    ("latency", "told"),
    [({"ratio": 1.234}, "1.23 times as fast"), ({"why": "not asked: [x]"}, "not asked: [x]")],
)
def test_figures_are_means_over_seeds_and_what_is_absent_has_no_row(latency: dict, told: str) -> None:
    console = Console(width=120, record=True, file=StringIO())
    console.print(pruning_summary(REPORT | {"latency": latency}))
    text = " ".join(console.export_text().split())  # a caption wraps at its table's width
    assert "pruned, not trained yet" in text
    assert "0.150" in text
    assert "0.460" in text
    assert "longer" not in text
    assert "35.0 % fewer flops" in text
    assert told in text
