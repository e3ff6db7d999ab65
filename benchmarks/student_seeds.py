"""Compares the student of several seeds with its tuned teacher, on the results of the last `kedro run`.

    python benchmarks/student_seeds.py --seeds 0 1 2 [--env test]

Each seed trains a student from the same labels and measures it on the test split; nothing of the last run is replaced.
With `--twice` the first seed is trained again, and its figures must be equal to the last digit.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from rich.console import Console
from rich.table import Table

from gsam_edge.augmentation import rules_with
from gsam_edge.distill.arms.distillation import ArmData, train_arm
from gsam_edge.distill.arms.scores import score_student
from gsam_edge.distill.arms.stage import ArmSettings
from gsam_edge.distill.labels.pool import PooledImages
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.training.checkpoints import NoCheckpoints
from gsam_edge.training.device import resolve_device
from gsam_edge.training.metrics import discard_metric
from gsam_edge.training.run import Run

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Trains, measures, prints a table and one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--env", default=None)
    arguments.add_argument("--twice", action="store_true")
    chosen = arguments.parse_args()

    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=chosen.env) as session:
        catalog = session.load_context().catalog
        parts = {name: catalog.load(f"annotations_{name}") for name in ("train", "val", "test", "held_back", "pool")}
        data = ArmData(
            **parts,
            images=PooledImages(catalog.load("raw_images"), catalog.load("unlabelled_images")),
            teacher_val=catalog.load("teacher_labels_val"),
            teacher_pool=catalog.load("teacher_labels_pool"),
            store=catalog.load("teacher_label_store"),
            maps=None,  # the losses that would ask the teachers have no weight
        )
        settings = ArmSettings(
            catalog.load("params:student"),
            catalog.load("params:distillation"),
            catalog.load("params:labelling"),
            catalog.load("params:scene"),
            rules_with(catalog.load("params:augmentation_rules")),
            catalog.load("student_base"),
        )
        threshold = catalog.load("params:evaluation").score_threshold
        teacher = next(row for row in catalog.load("comparison") if row["artefact"] == "teacher")

    device = resolve_device("auto")
    runs: list[dict[str, float]] = []
    seeds = chosen.seeds + chosen.seeds[:1] * chosen.twice
    for seed in seeds:
        done = train_arm("distilled", data, settings, Run(discard_metric, NoCheckpoints(), seed, device))
        predictor = StudentPredictor(done.weights, score_threshold=threshold, device=device)
        runs.append(dict(score_student(predictor, data.test, data.images).metrics))

    table = Table("seed", *runs[0], title="Student on the test split")
    for seed, run in zip(seeds, runs, strict=True):
        table.add_row(str(seed), *(f"{value:.4f}" for value in run.values()))
    counted = runs[: len(chosen.seeds)]
    means = {name: float(np.mean([run[name] for run in counted])) for name in runs[0]}
    table.add_row("mean", *(f"{value:.4f}" for value in means.values()), style="bold")
    shared = [name for name in means if teacher.get(name)]
    table.add_row("of the teacher's", *(f"{means[n] / teacher[n]:.3f}" if n in shared else "-" for n in means))
    Console(width=120).print(table)
    print(json.dumps({"seeds": chosen.seeds, "runs": runs, "teacher": {name: teacher[name] for name in shared}}))
    if chosen.twice:
        print("the same seed twice:", "equal" if runs[0] == runs[-1] else f"DIFFERENT {runs[0]} {runs[-1]}")


if __name__ == "__main__":
    main()
