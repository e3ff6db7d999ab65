"""Every entry of HEALTH_CHECKS can be run, has its thresholds in conf/base and a line in the docs."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from gsam_edge.coco import Annotations
from gsam_edge.coco.health.cases import Cases, Inspected
from gsam_edge.coco.health.table import HEALTH_CHECKS, HealthConfig
from gsam_edge.coco.report import NOT_COMPARED

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "data.md").read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def config():
    loader = OmegaConfigLoader(conf_source=str(ROOT / "conf"), base_env="base", default_run_env="base")
    return HealthConfig(**loader["parameters"]["health"])


@pytest.mark.parametrize("code", HEALTH_CHECKS)
def test_a_check_runs_with_the_shipped_thresholds_and_keeps_by_default(code, config):
    image = {"id": 1, "file_name": "1.png", "width": 30, "height": 20}
    record = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [2, 2, 10, 10], "area": 100}
    value = Annotations((image,), (record,), ({"id": 7, "name": "ear"},))
    found = HEALTH_CHECKS[code].find(Inspected(value, NOT_COMPARED, {"train": value}, [[1]]), config)
    assert isinstance(found, Cases)
    assert len(list(found.examples)) == found.count
    assert HEALTH_CHECKS[code].policies[0] == config.policy(code) == "keep"


@pytest.mark.parametrize("code", HEALTH_CHECKS)
def test_only_what_is_found_before_the_policies_can_be_changed_by_them(code):
    check = HEALTH_CHECKS[code]
    assert check.stage == "before policies" or not {"drop", "fix"} & set(check.policies)


@pytest.mark.parametrize("code", HEALTH_CHECKS)
def test_the_docs_say_what_the_table_says(code):
    check = HEALTH_CHECKS[code]
    assert f"| `{code}` | {check.severity} | {', '.join(check.policies)} | {check.meaning} |" in DOCS
