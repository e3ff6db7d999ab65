"""Whole pipelines with `--env=test` on a few images of the sample, as a user starts them."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "01_raw" / "sample"
IMAGES = 14


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's configuration in a folder of its own, so that a test writes nothing into the checkout."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("conf", "pyproject.toml", ".telemetry", "logs", "src"):
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder / name)
    (folder / "data" / "06_models").mkdir(parents=True)
    (folder / "data" / "06_models" / "base").symlink_to(ROOT / "data" / "06_models" / "base")
    return folder


def small_dataset(folder: Path, *, boxes: bool, masks: bool) -> Path:
    """The sample's first images, to be split anew, with only the kinds of labels asked for."""
    content = json.loads((SAMPLE / "annotations.json").read_text())
    content["images"] = content["images"][:IMAGES]
    for image in content["images"]:
        del image["split"]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [record for record in content["annotations"] if record["image_id"] in ids]
    for record in content["annotations"]:
        if not boxes:
            del record["bbox"]
        if not masks:
            del record["segmentation"]
    (folder / "images").mkdir(parents=True)
    for image in content["images"]:
        shutil.copy(SAMPLE / image["file_name"], folder / image["file_name"])
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def kedro_run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(project / "src")}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=environment)


def report(project: Path, name: str, env: str = "test") -> dict:
    return json.loads((project / "data" / env / "08_reporting" / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("kinds", "student", "teachers", "outputs"),
    [
        ({"boxes": True, "masks": True}, "yolov8-seg", {"grounding_dino", "sam"}, {"box", "mask"}),
        ({"boxes": True, "masks": False}, "yolov8", {"grounding_dino"}, {"box"}),
        ({"boxes": False, "masks": True}, "fastsam", {"sam"}, {"box", "mask"}),
    ],
    ids=["boxes and masks", "boxes", "masks"],
)
def test_the_data_decides(
    project: Path, tmp_path: Path, kinds: dict[str, bool], student: str, teachers: set[str], outputs: set[str]
) -> None:
    dataset = small_dataset(tmp_path / "dataset", **kinds)
    reporting = project / "data" / "test" / "08_reporting"
    shutil.rmtree(reporting / "live_metrics", ignore_errors=True)  # the curves of another dataset's run
    done = kedro_run(project, "--env=test", f"--params=dataset={dataset}")
    assert done.returncode == 0, done.stderr[-4000:]
    distilled = report(project, "distillation_report")
    assert distilled["student"]["architecture"] == student
    assert set(distilled["arms"]) == {"distilled"}  # every image has its label
    assert distilled["verdict"].startswith(("nothing for the teacher to teach", "not known"))
    tuned = {name for name, part in report(project, "teacher_report").items() if part["status"] == "tuned"}
    assert tuned - {"grounded_sam"} == teachers
    rows = {row["artefact"]: row for row in report(project, "comparison")}
    assert set(rows) == {"teacher", "student", "student_onnx", "student_onnx_int8"}
    for name in ("student", "student_onnx", "student_onnx_int8"):
        found = {kind for kind in ("box", "mask") if f"{kind}_map50" in rows[name]}
        assert found == outputs, name
        assert rows[name]["score_threshold"] == 0.0001
    assert ("score_threshold" in rows["teacher"]) == ("grounding_dino" in teachers)
    exported = {row["artefact"]: row for row in report(project, "optimization_report")}
    for name in ("student_onnx", "student_onnx_int8"):
        assert exported[name]["prompt_free"]
        assert exported[name]["verdict"].startswith("accepted"), exported[name]
        assert {f"{kind}_map50_95" for kind in outputs} <= set(exported[name]["accuracy"])
        assert exported[name]["latency"]["ms"] > 0
    assert report(project, "validation_report")["images"]["in"] == IMAGES
    drawn = ["comparison", "predictions", "distillation_arms", "label_disagreements"]
    drawn += ["teacher_curves", "teacher_classes", "teacher_worst"]
    assert {path.name for path in reporting.glob("plot_*.png")} >= {f"plot_{name}.png" for name in drawn}
    assert "verdict" in report(project, "label_report")
    assert {path.stem for path in (reporting / "live_metrics").iterdir()} == teachers | {"student"}


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
    assert (reporting / "plot_distillation_arms.png").exists()
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


def test_a_pipeline_runs_alone_and_skips_what_is_there(project: Path, tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "dataset", boxes=True, masks=True)
    arguments = ("--env=test", f"--params=dataset={dataset}")
    assert kedro_run(project, *arguments).returncode == 0
    versions = project / "data" / "test" / "06_models" / "student_weights.safetensors"
    before = len(list(versions.iterdir()))
    alone = kedro_run(project, *arguments, "--pipeline=distillation")
    assert alone.returncode == 0, alone.stderr[-4000:]
    assert len(list(versions.iterdir())) == before + 1
    assert report(project, "label_report")["store"]["new"] == 0
    skipped = kedro_run(project, *arguments, "--pipeline=distillation", "--only-missing-outputs")
    assert skipped.returncode == 0, skipped.stderr[-4000:]
    assert len(list(versions.iterdir())) == before + 1
    another = small_dataset(tmp_path / "another", boxes=True, masks=False)
    refused = kedro_run(project, "--env=test", f"--params=dataset={another}", "--only-missing-outputs")
    assert refused.returncode != 0
    assert "expected a split of this dataset, got one of another" in " ".join(refused.stderr.split())


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
  batch_size: 2
  held_out_scenes: 2
pretrain_sam:
  epoch_scenes: 2
  stages:
    - image_size: 256
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
