"""Measures on which test images a distillation pays, and what the teacher's labels that teach are wrong about.

    kedro run --to-nodes=distillation.report_distillation [--params=distillation.seeds=2]
    python benchmarks/where_it_pays.py [--by line]

The gains are those of `distillation_report`, for the test images of each value that their COCO records have under
`--by`. The labels are those of the pool that pass the teacher's gate in the first stage, against the truth that is held
back: a label is right on an object of its class, wrong about the class on one of another, and misplaced on none
(`labelling.match_iou`).
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions
from gsam_edge.distill.arms.arm_figures import JUDGED_BY, arm_figures
from gsam_edge.distill.arms.arm_run import ArmRun
from gsam_edge.distill.arms.table import CONTROLS, DISTILLED
from gsam_edge.distill.config import LabellingConfig
from gsam_edge.distill.labels.gate import fit_gate
from gsam_edge.distill.labels.gated import gated
from gsam_edge.vision.boxes import box_iou

ROOT = Path(__file__).parents[1]


def show_gains(test: Annotations, runs: list[ArmRun], key: str) -> None:
    """Prints each arm's mAP50-95 of boxes and the distilled student's gains, for each value of a key of the images."""
    parts: dict[Any, list[int]] = defaultdict(list)
    for image in test.images:
        parts[image.get(key)].append(image["id"])
    for value, ids in sorted(parts.items(), key=str):
        part, figures = test.subset(ids), {}
        for arm in (*CONTROLS, DISTILLED):
            units = [[{i: run.predictions.objects[i] for i in ids}] for run in runs if run.arm == arm]
            if units:
                figures[arm] = arm_figures(part, units)[JUDGED_BY]
        told = {arm: drawn.estimate for arm, drawn in figures.items()}
        told |= {
            f"gain over {arm}": (figures[DISTILLED] - drawn).estimate
            for arm, drawn in figures.items()
            if arm != DISTILLED
        }
        for name, each in told.items():
            print(f"{key} {value}, {len(ids)} images, {name}: {each.value:.3f} ({each.low:.3f} to {each.high:.3f})")


def show_labels(
    val: Annotations, held_back: Annotations, labels: dict[str, Predictions], config: LabellingConfig
) -> None:
    """Prints of how many labels that teach what is wrong, and what the objects are to the student."""
    gate = fit_gate(val, labels["val"], config.gate, match_iou=config.match_iou)
    passed = gated(labels["pool"], gate, config.gate, split=held_back)
    of_labels, of_objects = Counter[str](), Counter[str]()
    for image_id, packed in passed.objects.items():
        found, truth = packed.unmasked, held_back.truth(image_id, masks=False)
        teaches = ~passed.weights[image_id].ignored
        on = box_iou(found.xyxy, truth.xyxy) >= config.match_iou  # [labels, objects]
        right = on & (found.class_ids[:, None] == truth.class_ids[None, :])
        kinds = np.where(right.any(1), "right", np.where(on.any(1), "of another class", "misplaced"))
        of_labels.update(kinds[teaches].tolist())
        for of_class, of_any, ignored in zip(
            right[teaches].any(0), on[teaches].any(0), on[~teaches].any(0), strict=True
        ):
            of_objects[
                "right" if of_class else "wrong class" if of_any else "ignored" if ignored else "background"
            ] += 1
    for what, counts in (("labels that teach", of_labels), ("objects", of_objects)):
        shares = ", ".join(f"{name} {count} ({count / counts.total():.0%})" for name, count in counts.most_common())
        print(f"{counts.total()} {what}: {shares}")


def main() -> None:
    """Prints both."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--by", default="line", help="key of the test images' records")
    arguments.add_argument("--env", default=None)
    chosen = arguments.parse_args()
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=chosen.env) as session:
        load = session.load_context().catalog.load
        held_back = load("annotations_held_back")
        known = {image["id"] for image in held_back.images}
        pool = load("teacher_labels_pool")
        labels = {
            "val": load("teacher_labels_val"),
            "pool": Predictions(
                {i: o for i, o in pool.objects.items() if i in known}, pool.class_names, pool.predictor
            ),
        }
        show_labels(load("annotations_val"), held_back, labels, load("params:labelling"))
        show_gains(load("annotations_test"), [*load("distilled_runs"), *load("control_runs")], chosen.by)


if __name__ == "__main__":
    main()
