"""Every entry of CHECKS has a line in the docs."""

from pathlib import Path

import pytest

from gsam_edge.coco.checks.table import CHECKS

DOCS = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8").splitlines()


@pytest.mark.parametrize("code", CHECKS)
def test_the_docs_say_what_the_table_says(code):
    check = CHECKS[code]
    assert f"| `{code}` | {check.severity} | {', '.join(check.policies)} | {check.meaning} |" in DOCS
