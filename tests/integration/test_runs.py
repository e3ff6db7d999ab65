"""Single pipelines, and runs that are refused or shared by two processes, with `--env=test`, as a user does."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.whole_runs import IMAGES, SAMPLE, kedro_run, report, small_dataset


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        (None, ("--params=dataset=no/such/folder",), "found no folder"),
        ("{oops", (), "does not parse"),
        ('{"images": [], "annotations": [], "categories": []}', (), "expected at least one record"),
        (None, ("--params=grounding_dino.lora.rr=3",), "rr"),
        (None, ("--params=grounding_dinno.lora.r=3",), "did you mean 'grounding_dino'"),
    ],
    ids=["no folder", "no JSON", "no annotations", "misspelt key", "misspelt parameter"],
)
def test_an_error_is_one_message(
    project: Path, tmp_path: Path, prepare: str | None, arguments: tuple[str, ...], message: str
) -> None:
    shutil.rmtree(project / "data" / "test", ignore_errors=True)
    if prepare is not None:
        (tmp_path / "annotations.json").write_text(prepare)
        arguments = (f"--params=dataset={tmp_path}",)
    done = kedro_run(project, "--env=test", *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "data" / "test").exists(), "something was written"


def test_a_dataset_in_another_format_becomes_one_of_ours(project: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    (foreign / "labels").mkdir(parents=True)
    shutil.copytree(SAMPLE / "images", foreign / "images", ignore=lambda _, names: sorted(names)[IMAGES:])
    (foreign / "classes.txt").write_text("bag")
    for image in (foreign / "images").iterdir():
        (foreign / "labels" / f"{image.stem}.txt").write_text("0 0.5 0.5 0.4 0.4\n3 0.5 0.5 0.1 0.1")
    arguments = ("--env=test", f"--params=source={foreign},format=yolo,output={tmp_path / 'ours'}")
    done = kedro_run(project, "--pipeline=import_dataset", *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Next: kedro run --pipeline=data_validation --env=test --params=dataset={tmp_path / 'ours'}" in done.stderr
    skipped = report(project, "import_report")["skipped"]
    assert [(entry["code"], entry["count"]) for entry in skipped] == [("class_unknown", IMAGES)]
    shares = f"--params=dataset={tmp_path / 'ours'},split.train=0.5,split.val=0.5"
    done = kedro_run(project, "--pipeline=data_validation", "--env=test", shares)
    assert done.returncode == 0, done.stderr[-4000:]
    found = report(project, "validation_report")
    assert found["images"]["kept"] == IMAGES
    assert {name: part["images"] for name, part in found["splits"].items()} == {"train": 7, "val": 7}


def mlflow_runs(project: Path) -> int:
    with sqlite3.connect(project / "mlflow.db") as database:
        return database.execute("select count(*) from runs").fetchone()[0]


@pytest.mark.slow
def test_two_processes_tune_the_teachers_and_one_of_them_writes(project: Path, tmp_path: Path) -> None:
    """As on a machine with two GPUs; each process takes every second batch."""
    dataset = small_dataset(tmp_path / "dataset", boxes=True, masks=True)
    data = f"--params=dataset={dataset}"
    checked = kedro_run(project, "--pipeline=data_validation", "--env=test", data)
    assert checked.returncode == 0, checked.stderr[-4000:]
    launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"]
    launcher += ["--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0", "-m", "gsam_edge"]
    arguments = ["--pipeline=teacher_finetune", "--env=test", data]
    environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(project / "src"), "CUDA_VISIBLE_DEVICES": ""}
    tracked = mlflow_runs(project)
    done = subprocess.run(
        [sys.executable, *launcher, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    models = project / "data" / "test" / "06_models"
    for teacher in ("grounding_dino", "sam"):
        assert len(list((models / f"{teacher}_adapter").iterdir())) == 1
        assert report(project, "teacher_report")[teacher]["status"] == "tuned"
    assert list((models / "checkpoints").glob("*/*")) == []
    assert mlflow_runs(project) == tracked + 1


TINY_PRETRAINING = """
pretrain_grounding_dino:
  epoch_scenes: 4
  loop: {epochs: 1, checkpoint_every: 1}
  smaller_first: null
  batch_size: 2
  held_out_scenes: 2
pretrain_sam:
  epoch_scenes: 2
  stages:
    - image_size: 320
      loop: {epochs: 1, min_steps: 0, learning_rate: 1.0e-3, weight_decay: 0.01, warmup_epochs: 0, warmup_from: 0.1,
             warmup_share: 0.1, final_share: 0.0, gradient_clip: 1.0, precision: bf16,
             scaler: {init_scale: 65536, growth_interval: 2000}, accumulate: 1, validate_every: 1, monitor: mean_iou,
             mode: max, min_delta: 0.0, patience: 0, checkpoint_every: 1}
      batch_size: 1
      objects_per_image: 2
  validation_images: 2
  held_out_images: 2
pretrain_student:
  images: 8
  held_out: 4
  training: {steps: 2, batch_size: 4, warmup_steps: 0, close_mosaic_steps: 0, validate_every: 2}
"""


@pytest.mark.slow
def test_what_the_pretraining_writes_can_be_tuned(project, tmp_path):
    """All three trainings as one run, for two steps each, and the job on the models that it left."""
    folder = tmp_path / "project"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("data"))
    (folder / "conf" / "test" / "parameters_pretrain_tiny_teachers.yml").write_text(TINY_PRETRAINING)
    with (folder / "conf" / "test" / "globals.yml").open("a") as stream:
        stream.write("\nbase_models: data/own\n")
    dataset = small_dataset(tmp_path / "dataset", boxes=True, masks=True)
    for arguments in (["--pipeline=pretrain_tiny_teachers"], [f"--params=dataset={dataset}"]):
        done = kedro_run(folder, "--env=test", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (folder / "data" / "own").iterdir()} == {"grounding_dino", "sam", "student"}
    held_out = report(folder, "pretrain_sam_report")
    assert held_out["scenes"] == 2
    assert held_out["held_out_objects"] > 0
