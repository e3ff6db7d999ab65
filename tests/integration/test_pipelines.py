"""The whole job with `--env=test` on a few images of the sample, as a user starts it, and what is started on it."""

import json
import shutil
from pathlib import Path

import pytest

from support.finished_runs import check_finished_run
from support.whole_runs import kedro_run, report, small_dataset, typed_kedro_run


@pytest.fixture(scope="module")
def finished(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The dataset of the whole job, with boxes and masks, that was run in `project`, and what the run said."""
    dataset = small_dataset(tmp_path_factory.mktemp("whole") / "dataset", boxes=True, masks=True)
    done = typed_kedro_run(project, "--env=test", f"--params=dataset={dataset}")
    assert done.returncode == 0, done.stderr[-4000:]
    return dataset, done.stderr


def test_boxes_and_masks_train_both_teachers_and_a_student_of_both(
    project: Path, finished: tuple[Path, str], tmp_path: Path
) -> None:
    dataset, said = finished
    check_finished_run(
        project,
        dataset,
        said,
        tmp_path,
        student="yolov8-seg",
        teachers={"grounding_dino", "sam"},
        outputs={"box", "mask"},
    )


def test_the_console_holds_the_projects_own_words(project: Path, finished: tuple[Path, str]) -> None:
    """Libraries write into the log, and warn of nothing in a run in which all is well."""
    _, said = finished
    assert not [words for words in ("Loading weights", "Loading data", "Completed node") if words in said]
    log = (project / "logs" / "gsam_edge.log").read_text("utf-8")
    assert "kedro.runner" in log
    warned = [line for line in log.splitlines() if " WARNING " in line or " ERROR " in line]
    others = [line for line in warned if not any(name in line for name in (" gsam_edge", " py.warnings"))]
    assert not others


def test_a_pipeline_runs_alone_and_skips_what_is_there(
    project: Path, finished: tuple[Path, str], tmp_path: Path
) -> None:
    folder = shutil.copytree(project, tmp_path / "project", symlinks=True)
    dataset, _ = finished
    arguments = ("--env=test", f"--params=dataset={dataset}")
    versions = folder / "data" / "test" / "06_models" / "student_weights.safetensors"
    before = len(list(versions.iterdir()))
    alone = kedro_run(folder, *arguments, "--pipeline=distillation")
    assert alone.returncode == 0, alone.stderr[-4000:]
    assert len(list(versions.iterdir())) == before + 1
    assert report(folder, "label_report")["store"]["new"] == 0
    skipped = kedro_run(folder, *arguments, "--pipeline=distillation", "--only-missing-outputs")
    assert skipped.returncode == 0, skipped.stderr[-4000:]
    assert len(list(versions.iterdir())) == before + 1
    another = small_dataset(tmp_path / "another", boxes=True, masks=False)
    refused = kedro_run(folder, "--env=test", f"--params=dataset={another}", "--only-missing-outputs")
    assert refused.returncode != 0
    assert "expected a split of this dataset, got one of another" in " ".join(refused.stderr.split())


@pytest.mark.slow
def test_where_labels_are_held_back_every_arm_is_trained_and_compared(project: Path, tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "dataset", boxes=True, masks=True)
    reporting = project / "data" / "test" / "08_reporting"
    shutil.rmtree(reporting / "live_metrics", ignore_errors=True)
    parameters = f"dataset={dataset},split.labels.count=4"
    done = kedro_run(project, "--env=test", f"--params={parameters}", "--to-outputs=distillation_report")
    assert done.returncode == 0, done.stderr[-4000:]
    told = report(project, "distillation_report")
    assert list(told["arms"]) == ["truth", "self_training", "distilled", "oracle"]
    assert told["images"]["labelled"] == 4
    assert told["images"]["pool"] == told["images"]["held_back"] > 0
    trained = {path.stem for path in (reporting / "live_metrics").iterdir()}
    assert trained >= {"student", "truth_seed0", "self_training_seed0", "oracle_seed0"}
    assert (reporting / "plot_distillation_arms.json").exists()
    assert "your labels alone" in done.stderr + done.stdout
    assert not (project / "data" / "test" / "06_models" / "checkpoints" / "control").exists()


@pytest.mark.slow
@pytest.mark.parametrize("tune", ["true", "false"])
def test_a_users_own_yolo_finds_in_grounding_dinos_place(project: Path, tmp_path: Path, tune: str) -> None:
    from support.yolo import random_network, save_weights

    names = ("Open_ear_of_bag", "torn spot", "somebody")
    weights = save_weights(tmp_path / "own.pt", random_network("v8/yolov8-seg.yaml", names))
    shutil.copytree(project / "conf" / "test", project / "conf" / f"own_{tune}")
    base = {"type": "gsam_edge.datasets.models.TeacherBaseDataset", "family": "yolo", "filepath": str(weights)}
    (project / "conf" / f"own_{tune}" / "catalog.yml").write_text(json.dumps({"yolo_base": base}))
    dataset = small_dataset(tmp_path / "dataset", boxes=True, masks=True)
    parameters = f"dataset={dataset},teachers.finder=yolo,teachers.outliner=yolo,yolo.tune={tune}"
    outputs = "--to-outputs=validation_report,teacher_report,label_report,student_weights"
    done = kedro_run(project, f"--env=own_{tune}", f"--params={parameters}", outputs)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "the weights know no class called tied ear of bag, oily spot" in " ".join(
        done.stderr.split() + done.stdout.split()
    )
    teachers = report(project, "teacher_report")
    status = "tuned" if tune == "true" else "as it is"
    assert (teachers["yolo"]["status"], teachers["grounded_sam"]["status"]) == (status, status)
    for name, key in (("grounding_dino", "finder"), ("sam", "outliner")):
        assert teachers[name] == {"status": "not needed", "why": f"teachers.{key} is yolo"}
        assert report(project, "validation_report")["teachers"][name]["why"] == f"teachers.{key} is yolo"
    assert report(project, "label_report")["train"]["images"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("finder", "outliner"), [("sam3", "sam3"), ("grounding_dino", "sam2")])
def test_sam3_finds_and_draws_and_sam2_draws(project: Path, tmp_path: Path, finder: str, outliner: str) -> None:
    """With random weights: what they find is worth nothing, but it goes the whole way."""
    from support.sam2 import tiny_sam2
    from support.sam3 import tiny_sam3

    environment = f"own_{outliner}"
    shutil.copytree(project / "conf" / "test", project / "conf" / environment)
    {"sam2": tiny_sam2, "sam3": tiny_sam3}[outliner]().save(tmp_path / "base")
    base = {"type": "gsam_edge.datasets.models.TeacherBaseDataset", "family": outliner}
    catalog = {f"{outliner}_base": base | {"filepath": str(tmp_path / "base")}}
    (project / "conf" / environment / "catalog.yml").write_text(json.dumps(catalog))
    dataset = small_dataset(tmp_path / "dataset", boxes=True, masks=True)
    parameters = f"dataset={dataset},teachers.finder={finder},teachers.outliner={outliner}"
    outputs = "--to-outputs=validation_report,teacher_report,label_report"
    done = kedro_run(project, f"--env={environment}", f"--params={parameters}", outputs)
    assert done.returncode == 0, done.stderr[-4000:]
    teachers = report(project, "teacher_report")
    assert {name for name, part in teachers.items() if part["status"] == "tuned"} == {finder, outliner, "grounded_sam"}
    assert teachers["sam"] == {"status": "not needed", "why": f"teachers.outliner is {outliner}"}
    assert report(project, "label_report")["train"]["images"] > 0
