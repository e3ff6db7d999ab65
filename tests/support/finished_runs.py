"""What stands in a project's folder after the whole job."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from gsam_edge.export.table import FORMATS
from support.notebooks import code_cells, run_cells
from support.readme import run_snippets
from support.whole_runs import IMAGES, ROOT, report


def check_finished_run(
    project: Path, dataset: Path, said: str, folder: Path, *, student: str, teachers: set[str], outputs: set[str]
) -> None:
    """Checks reports, plots and models of a run that said this; README's snippets read them in `folder`."""
    reporting = project / "data" / "test" / "08_reporting"
    distilled = report(project, "distillation_report")
    assert distilled["student"]["architecture"] == student
    assert set(distilled["arms"]) == {"distilled"}  # every image has its label
    assert distilled["verdict"].startswith(
        ("nothing for the teacher to teach", "not known", "the student learnt nothing")
    )
    tuned = {name for name, part in report(project, "teacher_report").items() if part["status"] == "tuned"}
    assert tuned - {"grounded_sam"} == teachers
    rows = {row["artefact"]: row for row in report(project, "comparison")}
    assert set(rows) == {"teacher", "student", "student_onnx", "student_onnx_int8"}
    for name in ("student", "student_onnx", "student_onnx_int8"):
        found = {kind for kind in ("box", "mask") if f"{kind}_map50" in rows[name]}
        assert found == outputs, name
        assert rows[name]["score_threshold"] == 0.0001
    if "grounding_dino" in teachers:
        assert rows["teacher"]["score_threshold"] == 0.001
        by_boxes = distilled["teacher"]["box_map50_95"]["mean"]
        assert rows["teacher"]["box_map50_95"] == pytest.approx(by_boxes)  # one figure in both reports
    else:
        assert "score_threshold" not in rows["teacher"]
    exported = {row["artefact"]: row for row in report(project, "optimization_report")}
    for name in ("student_onnx", "student_onnx_int8"):
        assert exported[name]["prompt_free"]
        assert exported[name]["verdict"].startswith("accepted"), exported[name]
        assert {f"{kind}_map50_95" for kind in outputs} <= set(exported[name]["accuracy"])
        assert exported[name]["latency"]["ms"] > 0
    assert report(project, "validation_report")["images"]["in"] == IMAGES
    drawn = ["predictions", "label_disagreements"]
    drawn += ["teacher_classes", "teacher_worst", "failures", "review", "next_to_label"]
    assert {path.name for path in reporting.glob("plot_*.png")} >= {f"plot_{name}.png" for name in drawn}
    figures = ("comparison", "confusion", "distillation_arms", "precision_recall", "reliability", "teacher_curves")
    live = {f"plot_{name}.json" for name in figures}
    assert {path.name for path in reporting.glob("plot_*.json")} == live
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
        assert str((project / told["file"]).resolve()) in said.replace("\n", "")
    missed = {other["artefact"]: other["misses"] for other in told["others"]}
    assert missed.keys() | {told["ship"]} >= {"teacher", "student", *(f"student_{name}" for name in FORMATS)}
    assert missed["student_ncnn"] == ["not asked for: formats"]
    times = json.loads((project / "data" / "test" / "07_model_output" / "artefact_times.json").read_text())
    assert {name: times[name]["latency_ms_median"] for name in rows} == {
        name: row["latency_ms_median"] for name, row in rows.items()
    }
    readme_holds(project, dataset, folder)
    walkthrough_holds(project, dataset)


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


def walkthrough_holds(project: Path, dataset: Path) -> None:
    """The notebook's cells run on what Kedro wrote, told of the environment and the dataset as it says."""
    reload, given = "%reload_kedro\n", f"%reload_kedro --env=test --params=dataset={dataset}\n"
    cells = code_cells(ROOT / "notebooks" / "walkthrough.ipynb")
    assert sum(reload in f"{cell}\n" for cell in cells) == 1
    printed = run_cells([f"{cell}\n".replace(reload, given) for cell in cells], project)
    assert "objects at the recommended scores" in printed
