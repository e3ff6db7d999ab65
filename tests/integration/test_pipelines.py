"""Whole pipelines with `--env=test` on a few images of the sample, as a user starts them."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from gsam_edge.export.table import FORMATS
from support.readme import run_snippets
from support.whole_runs import IMAGES, kedro_run, report, small_dataset


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
    drawn += ["teacher_curves", "teacher_classes", "teacher_worst", "failures", "review", "next_to_label"]
    assert {path.name for path in reporting.glob("plot_*.png")} >= {f"plot_{name}.png" for name in drawn}
    assert "verdict" in report(project, "label_report")
    totals = report(project, "failure_report")["totals"]
    assert totals["objects"] == rows["student"]["objects"]
    assert report(project, "next_to_label")["images"] == []  # nothing is unlabelled
    review = json.loads((reporting / "review" / "annotations.json").read_text())
    assert len(review["images"]) == report(project, "review_report")["handed_out"]["images"]
    assert {path.stem for path in (reporting / "live_metrics").iterdir()} == teachers | {"student"}
    told = report(project, "recommendation")
    assert told["ship"] in ("student_onnx", "student_onnx_int8", None)
    if told["ship"]:
        assert hashlib.sha256((project / told["file"]).read_bytes()).hexdigest() == told["digest"]
        assert str((project / told["file"]).resolve()) in done.stderr.replace("\n", "")
    missed = {other["artefact"]: other["misses"] for other in told["others"]}
    assert missed.keys() | {told["ship"]} >= {"teacher", "student", *(f"student_{name}" for name in FORMATS)}
    assert missed["student_ncnn"] == ["not asked for: formats"]
    times = json.loads((project / "data" / "test" / "07_model_output" / "artefact_times.json").read_text())
    assert {name: times[name]["latency_ms_median"] for name in rows} == {
        name: row["latency_ms_median"] for name, row in rows.items()
    }
    readme_holds(project, dataset, tmp_path)


def readme_holds(project: Path, dataset: Path, folder: Path) -> None:
    """README's snippets open what Kedro wrote, and the file in it that somebody copied elsewhere."""
    models = project / "data" / "test" / "06_models"
    image = next((dataset / "images").iterdir())
    (printed,) = run_snippets(folder / "reader", models, image, source=project / "src")
    assert printed.startswith("[")
    copied = folder / "copied"
    copied.mkdir()
    newest = max((models / "student_int8.onnx").iterdir())
    shutil.copy(newest / "student_int8.onnx", copied)
    assert run_snippets(folder / "copier", copied, image, source=project / "src") == [printed]


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
