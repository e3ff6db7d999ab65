"""Measures what a pruned student costs and finds, beside the same student trained as much longer.

    python benchmarks/pruning_pays.py [--seeds 3] [--steps 324] [--left 0.65] [--env test]

Reads the results of the last `kedro run` (splits, teachers' labels, student) and replaces none of them. The bar: at
least 30 % fewer FLOPs or 1.3 x as fast, at 1 point of mAP50-95 at most below the control. Latency is that of the ONNX
files of student and pruned student, timed in turns.
"""

import argparse
import json
import logging
from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from rich.console import Console
from rich.table import Table

from gsam_edge.augmentation import rules_with
from gsam_edge.distill.arms.distillation import ArmData
from gsam_edge.distill.arms.stage import ArmSettings
from gsam_edge.distill.labels.pool import PooledImages
from gsam_edge.distill.pruning import prune_and_recover
from gsam_edge.evaluate.in_turns import latency_in_turns
from gsam_edge.export.build import build_artefact
from gsam_edge.export.format import BuildData, StudentModule
from gsam_edge.export.table import FORMATS, REFERENCE
from gsam_edge.students.table import family_of
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.checkpoints import NoCheckpoints
from gsam_edge.training.device import resolve_device
from gsam_edge.training.metrics import discard_metric
from gsam_edge.training.run import Run

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Prunes, trains, measures, prints a table, the verdict and one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--steps", type=int, default=None, help="of the recovery, and of the control")
    arguments.add_argument("--left", type=float, default=None, help="share of the cost that stays")
    arguments.add_argument("--env", default=None)
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
            store=dict(catalog.load("teacher_label_store")),
            maps=None,
        )
        settings = ArmSettings(
            catalog.load("params:student"),
            catalog.load("params:distillation"),
            catalog.load("params:labelling"),
            catalog.load("params:scene"),
            rules_with(catalog.load("params:augmentation_rules")),
            None,
        )
        student = catalog.load("student_weights")
        pruning, recovery = catalog.load("params:pruning"), catalog.load("params:recovery")
        evaluation, config = catalog.load("params:evaluation"), catalog.load(f"params:{REFERENCE}")

    pruning = pruning.model_copy(update={} if chosen.left is None else {"left": chosen.left})
    asked = {"seeds": chosen.seeds, "control": True} | ({} if chosen.steps is None else {"steps": chosen.steps})
    recovery = recovery.model_copy(update=asked)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run = Run(discard_metric, NoCheckpoints(), 0, resolve_device("auto"))
    pruned = prune_and_recover(student, data, settings, pruning, recovery, run)

    def exported(weights: StudentWeights) -> bytes:
        module = StudentModule(family_of(weights.architecture).module(weights), weights.card)
        build = BuildData(data.train, data.val, data.images, 0, evaluation.threads)
        return build_artefact(FORMATS[REFERENCE], module, build, config)

    before, after = exported(student), exported(pruned.weights)
    latency = latency_in_turns(before, after, data.test, data.images, evaluation)
    report = pruned.report | {"latency": latency, "size_mb": [len(before) / 1e6, len(after) / 1e6]}

    table = Table("student", "seed", *report["test"]["student"][0], title="On the test split")
    for name, rows in report["test"].items():
        for seed, figures in enumerate(rows):
            table.add_row(name, str(seed), *(f"{value:.4f}" for value in figures.values()))
    console = Console(width=120)
    console.print(table)
    console.print(report["verdict"])
    told = [latency[name] for name in ("student_ms", "smaller_ms", "ratio")]
    console.print("ONNX, in turns: {:.1f} ms before, {:.1f} ms after, {:.2f} x as fast".format(*told))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
