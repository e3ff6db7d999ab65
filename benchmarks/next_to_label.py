"""Labels images in the order of `next_to_label` and at random, and compares the students that come of it.

    kedro run --to-outputs=label_report,annotations_pool && python benchmarks/next_to_label.py --seeds 0 1 2 [--smoke]

It begins with the training images of the last `kedro run`. Their student proposes images of those whose labels are
held back; these get their labels, a student is trained on all, and proposes the next ones. Beside it as many images
are drawn by chance. Every training has the same steps, start and seed; nothing of the last run is replaced. What is
compared is the mean over the rounds of the test split's box mAP50-95, with its spread over the seeds. `--smoke` only
shows that it runs.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from rich.console import Console
from rich.table import Table

from gsam_edge.augmentation import rules_with
from gsam_edge.coco import Annotations
from gsam_edge.distill.arms.distillation import ArmData, train_arm
from gsam_edge.distill.arms.scores import score_student
from gsam_edge.distill.arms.stage import ArmSettings
from gsam_edge.distill.labels.pool import UNLABELLED, PooledImages
from gsam_edge.evaluate.review.look import findings_of, propose
from gsam_edge.students.predictor import StudentPredictor
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.checkpoints import NoCheckpoints
from gsam_edge.training.device import resolve_device
from gsam_edge.training.metrics import discard_metric
from gsam_edge.training.run import Run

ROOT = Path(__file__).parents[1]
FIGURE = "box_map50_95"
WAYS = ("next_to_label", "chance")


def main() -> None:
    """Simulates the labelling, prints a table and one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--rounds", type=int, default=2, help="times that images are labelled")
    arguments.add_argument("--add", type=int, default=20, help="images labelled in a round")
    arguments.add_argument("--steps", type=int, default=None, help="of each training; distillation.training.steps")
    arguments.add_argument("--env", default=None)
    arguments.add_argument("--smoke", action="store_true", help="one seed, one round, two steps, few test images")
    chosen = arguments.parse_args()
    if chosen.smoke:
        chosen.seeds, chosen.rounds, chosen.add, chosen.steps = chosen.seeds[:1], 1, 4, 2

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
        distillation = catalog.load("params:distillation")
        if chosen.steps:
            training = distillation.training.model_copy(
                update={
                    "steps": chosen.steps,
                    "validate_every": min(chosen.steps, distillation.training.validate_every),
                }
            )
            distillation = distillation.model_copy(update={"training": training})
        settings = ArmSettings(
            catalog.load("params:student"),
            distillation,
            catalog.load("params:labelling"),
            catalog.load("params:scene"),
            rules_with(catalog.load("params:augmentation_rules")),
            catalog.load("student_base"),
        )
        asked = {name: catalog.load(f"params:{name}") for name in ("evaluation", "failures", "next_to_label")}
    if chosen.smoke:
        data = replace(data, test=data.test.subset([image["id"] for image in data.test.images[:8]]))
    if len(data.held_back.images) < chosen.rounds * chosen.add:
        raise SystemExit(f"expected {chosen.rounds * chosen.add} images held back, got {len(data.held_back.images)}")

    simulation = Simulation(data, settings, asked)
    curves: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for seed in chosen.seeds:
        start = simulation.train(seed, [])
        for way in WAYS:
            curves[way].append(simulation.label(way, seed, start, rounds=chosen.rounds, add=chosen.add))
            print(json.dumps({"seed": seed, "way": way, FIGURE: curves[way][-1]}), flush=True)
    tell(curves, len(data.train.images), chosen.add)


class Simulation:
    """Trains students on more and more labels."""

    def __init__(self, data: ArmData, settings: ArmSettings, asked: dict[str, Any]) -> None:
        self._data, self._settings, self._asked = data, settings, asked
        self._device = resolve_device("auto")

    def train(self, seed: int, labelled: list[int]) -> StudentWeights:
        """Returns a student of the training images and of these images that were held back."""
        data = replace(self._data, held_back=self._data.held_back.subset(labelled))
        run = Run(discard_metric, NoCheckpoints(), seed, self._device)
        return train_arm("oracle" if labelled else "truth", data, self._settings, run).weights

    def label(self, way: str, seed: int, start: StudentWeights, *, rounds: int, add: int) -> list[float]:
        """Returns the figure before the first round and after each."""
        student, labelled = start, list[int]()
        figures = [self._score(student)]
        for number in range(rounds):
            begun = time.time()
            left = [image["id"] for image in self._data.held_back.images if image["id"] not in set(labelled)]
            if way == "chance":
                labelled += np.random.default_rng([seed, number]).choice(left, add, replace=False).tolist()
            else:
                labelled += self._proposed(student, labelled, left, seed, add)
            student = self.train(seed, labelled)
            figures.append(self._score(student))
            print(f"seed {seed}, {way}, round {number + 1}: {figures[-1]:.4f}, {time.time() - begun:.0f} s", flush=True)
        return figures

    def _proposed(
        self, student: StudentWeights, labelled: list[int], left: list[int], seed: int, add: int
    ) -> list[int]:
        data, evaluation = self._data, self._asked["evaluation"]
        known = [*data.train.image_by_id, *labelled]
        together = Annotations(
            (*data.train.images, *data.held_back.images), (), data.train.categories, data.train.info
        ).subset(known)
        pool = replace(data.held_back.subset(left), objects=())
        val = findings_of(
            student,
            data.val,
            data.images,
            most=len(data.val.images),
            threshold=evaluation.score_threshold,
            seed=seed,
            device="auto",
            store={},
        )
        proposed = propose(
            student,
            {"train": together, "val": data.val, "pool": pool},
            val,
            {"val": data.teacher_val, "pool": data.teacher_pool},
            data.images,
            self._asked["next_to_label"].model_copy(update={"count": add, "drawn": 1}),
            unlabelled_mark=UNLABELLED,
            overlaps=self._asked["failures"].errors(evaluation.match_box_iou),
            threshold=evaluation.score_threshold,
            seed=seed,
            device="auto",
            store={},
        )
        id_of = {image["file_name"]: image["id"] for image in pool.images}
        return [id_of[row["file_name"]] for row in proposed.report["images"]]

    def _score(self, student: StudentWeights) -> float:
        threshold = self._asked["evaluation"].score_threshold
        predictor = StudentPredictor(student, score_threshold=threshold, device=self._device)
        return float(score_student(predictor, self._data.test, self._data.images).metrics[FIGURE])


def tell(curves: dict[str, list[list[float]]], first: int, add: int) -> None:
    """Prints the figures after each round, and by how much one way is ahead."""
    rounds = len(curves["chance"][0])
    table = Table("way", *(f"{first + add * number} labels" for number in range(rounds)), title=f"{FIGURE}, test split")
    for way, runs in curves.items():
        values = np.array(runs)
        cells = zip(values.mean(axis=0), values.std(axis=0, ddof=min(1, len(runs) - 1)), strict=True)
        table.add_row(way, *(f"{mean:.4f} ± {spread:.4f}" for mean, spread in cells))
    Console(width=120).print(table)
    ahead = np.array(curves["next_to_label"])[:, 1:].mean(axis=1) - np.array(curves["chance"])[:, 1:].mean(axis=1)
    print(
        json.dumps({"ahead": ahead.tolist(), "mean": float(ahead.mean()), "all_seeds_agree": bool((ahead > 0).all())})
    )


if __name__ == "__main__":
    main()
