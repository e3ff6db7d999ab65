"""Teachers and student suppress boxes at one overlap, which is set at one place."""

from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, MemoryDataset
from kedro.validation import ParameterValidationError

from gsam_edge.hooks.inputs import SUPPRESSION, check_suppression

ROOT = Path(__file__).parents[2]


def thresholds(parameters: Any, name: str = "") -> dict[str, float]:
    """Returns every IoU of a suppression by its dotted name."""
    if not isinstance(parameters, dict):
        return {name: parameters} if name.endswith(SUPPRESSION) else {}
    return {
        key: value for part, inner in parameters.items() for key, value in thresholds(inner, f"{name}.{part}").items()
    }


@pytest.mark.parametrize("env", ["local", "full", "test"])
def test_every_threshold_is_the_one_of_globals(env: str, tmp_path: Path) -> None:
    """As the file has it, and as a user's own line changes it."""
    for folder in ("base", env):
        (tmp_path / folder).mkdir(exist_ok=True)
        for file in (ROOT / "conf" / folder).glob("*.yml"):
            (tmp_path / folder / file.name).write_text(file.read_text())

    def values() -> dict[str, float]:
        settings = {"base_env": "base", "default_run_env": env, "merge_strategy": {"parameters": "soft"}}
        return thresholds(OmegaConfigLoader(conf_source=str(tmp_path), **settings)["parameters"])

    assert {".labelling.detection.nms_iou", ".student.edge.iou_threshold", ".grounding_dino.detection.nms_iou"} <= set(
        values()
    )
    assert set(values().values()) == {0.6}
    with (tmp_path / env / "globals.yml").open("a") as file:
        file.write("\nsuppression_iou: 0.45\n")
    assert set(values().values()) == {0.45}


def catalog(**values: float) -> DataCatalog:
    return DataCatalog({f"params:{name}": MemoryDataset(value) for name, value in values.items()})


def test_thresholds_that_differ_are_refused_and_equal_ones_pass() -> None:
    teacher, student = "labelling.detection.nms_iou", "student.edge.iou_threshold"
    check_suppression(catalog(**{teacher: 0.6, student: 0.6, "evaluation.match_box_iou": 0.5}), "test")
    with pytest.raises(ParameterValidationError, match=r"expected one IoU .*'student.edge.iou_threshold': 0.5"):
        check_suppression(catalog(**{teacher: 0.6, student: 0.5}), "test")


def test_a_run_whose_student_alone_is_changed_is_refused_before_its_first_node() -> None:
    configure_project("gsam_edge")
    options = {"env": "test", "runtime_params": {"student": {"edge": {"iou_threshold": 0.5}}}}
    with (
        KedroSession.create(project_path=ROOT, conf_source=str(ROOT / "conf"), **options) as session,
        pytest.raises(ParameterValidationError, match=r"set suppression_iou in conf/test/globals\.yml"),
    ):
        session.run(pipeline_names=["evaluation"])
