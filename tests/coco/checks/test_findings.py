"""Cases are counted one and all; only those that are shown are put into words."""

from gsam_edge.coco import ValidationConfig
from gsam_edge.coco.checks import findings
from gsam_edge.coco.checks.findings import Case, Ledger

CONFIG = ValidationConfig(
    decode_images=False, area_tolerance=0.05, largest_crowd_share=0.1, max_examples=3, policies={}
)


def test_a_thousand_cases_of_one_kind_cost_three_examples(monkeypatch):
    told = []
    tell = findings._told
    monkeypatch.setattr(findings, "_told", lambda example: told.append(example) or tell(example))
    ledger = Ledger(CONFIG, "file")
    for row in range(1000):
        Case(ledger, f"annotations[{row}]", id=row).drop("annotation_malformed", "no mapping")
    (finding,) = ledger.findings()
    assert finding.count == 1000
    assert [example["id"] for example in finding.examples] == [0, 1, 2]
    assert len(told) == 1
    assert ledger.lost() == "(annotation_malformed 1000)\nthe first annotation_malformed: annotations[0]: no mapping"
