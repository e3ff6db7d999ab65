"""The whole job with `--env=test` on data with one kind of labels: it decides what is trained."""

import shutil
from pathlib import Path

import pytest

from support.finished_runs import check_finished_run
from support.whole_runs import kedro_run, small_dataset


@pytest.mark.parametrize(
    ("kinds", "student", "teachers", "outputs"),
    [
        ({"boxes": True, "masks": False}, "yolov8", {"grounding_dino"}, {"box"}),
        ({"boxes": False, "masks": True}, "fastsam", {"sam"}, {"box", "mask"}),
    ],
    ids=["boxes", "masks"],
)
def test_the_data_decides(
    project: Path, tmp_path: Path, kinds: dict[str, bool], student: str, teachers: set[str], outputs: set[str]
) -> None:
    dataset = small_dataset(tmp_path / "dataset", **kinds)
    live = project / "data" / "test" / "08_reporting" / "live_metrics"
    shutil.rmtree(live, ignore_errors=True)  # the curves of another dataset's run
    done = kedro_run(project, "--env=test", f"--params=dataset={dataset}")
    assert done.returncode == 0, done.stderr[-4000:]
    check_finished_run(project, dataset, done.stderr, tmp_path, student=student, teachers=teachers, outputs=outputs)
