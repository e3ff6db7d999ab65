"""Compares students trained on 60 images of the sample with and without a description of the object.

    python benchmarks/augmentation_pays.py [--images 60] [--steps 320] [--seeds 0 1 2] [--arms none described]

Arms: `none` leaves every image as it is; `described` augments it by `scene` and `distillation.augmentation`; `mixing`
is Ultralytics' own augmentation of the base parameters alone; `both` is what the distillation does.
Needs the splits of `kedro run --pipeline=data_validation --params=split.ready_made=none`, which leave more than the
sample's own 30 images to train on; trains on the annotations alone, validates and measures on the whole validation and
test splits.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from rich.console import Console
from rich.table import Table

from gsam_edge.augmentation import build, description_for, rules_with
from gsam_edge.distill.arms.scores import score_student
from gsam_edge.students.choice import choose_student
from gsam_edge.students.images import LabelledImages
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.table import family_of
from gsam_edge.training.checkpoints import NoCheckpoints
from gsam_edge.training.device import resolve_device
from gsam_edge.training.metrics import discard_metric
from gsam_edge.training.run import Run

ROOT = Path(__file__).parents[1]
ARMS = ("none", "described", "mixing", "both")


def main() -> None:
    """Trains one student per arm and seed, prints a table and one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=60)
    arguments.add_argument("--steps", type=int, default=320)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS[:2])
    chosen = arguments.parse_args()

    bootstrap_project(ROOT)
    with KedroSession.create(ROOT) as session:
        catalog = session.load_context().catalog
        train, val, test = (catalog.load(f"annotations_{split}") for split in ("train", "val", "test"))
        images, start = catalog.load("raw_images"), catalog.load("student_base")
        student, config = catalog.load("params:student"), catalog.load("params:distillation")
        scene, rules = catalog.load("params:scene"), rules_with(catalog.load("params:augmentation_rules"))
        threshold = catalog.load("params:evaluation").score_threshold

    few = np.random.default_rng(0).permutation([image["id"] for image in train.images])[: chosen.images]
    plain = LabelledImages.of_split(train.subset(few.tolist()), images, None)
    choice = choose_student(train, student)
    device = resolve_device("auto")
    own = {"steps": chosen.steps, "validate_every": max(1, chosen.steps // 5)}
    with_mixing = config.training.model_copy(update=own)
    nothing = dict.fromkeys(config.training.ultralytics.model_dump(), 0)
    still = with_mixing.model_copy(update={"ultralytics": type(config.training.ultralytics)(**nothing)})
    description = description_for(config.augmentation, scene, rules)
    if description is None:
        raise SystemExit("distillation.augmentation: expected an intensity, got null")
    described = build(description, rules)

    runs: dict[str, list[dict[str, float]]] = {arm: [] for arm in chosen.arms}
    for seed in chosen.seeds:
        for arm in chosen.arms:
            trained = family_of(choice.architecture).train(
                replace(plain, augmentation=described) if arm in ("described", "both") else plain,
                choice,
                with_mixing if arm in ("mixing", "both") else still,
                losses={},
                pseudo_weight=0.0,
                initial=start,
                validate=lambda predict: score_student(predict, val, images),
                run=Run(discard_metric, NoCheckpoints(), seed, device),
            )
            predictor = StudentPredictor(trained.weights, score_threshold=threshold, device=device)
            runs[arm].append(dict(score_student(predictor, test, images).metrics))
            print(json.dumps({"arm": arm, "seed": seed, **runs[arm][-1]}), flush=True)

    names = next(iter(runs.values()))[0]
    table = Table("arm", *names, title=f"Students on {chosen.images} images, {len(chosen.seeds)} seeds, test split")
    for arm, measured in runs.items():
        spread = {name: [run[name] for run in measured] for name in names}
        table.add_row(arm, *(f"{np.mean(v):.4f} ({min(v):.3f} to {max(v):.3f})" for v in spread.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
