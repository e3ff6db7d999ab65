"""Measures what a teacher is worth beside the same training without it, over label subsets and seeds.

    kedro run --pipeline=data_validation [--env test]
    python benchmarks/teacher_pays.py [--labels 8 20 60] [--subsets 3] [--seeds 2] [--teacher tuned] [--env test]

For each number of labels and each subset of that many labelled images a teacher labels the other training images, and
all arms are trained with equal start, steps, batches and augmentation. `--teacher tuned` tunes the configured teachers
on the subset; `--teacher stand-in:210` trains the student's own architecture on 210 labelled images and takes it for
the teacher: this tests everything but the teacher, and smaller numbers show how good a teacher must be.
Every finished run is a file below `--out`; started again, only what is missing is trained. A gain is claimed only where
the intervals over truth and over self-training lie above 0. With all labels there is nothing to label, and all arms are
one. `--smoke` trains for a handful of steps, which says nothing.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from rich.console import Console
from rich.table import Table

from gsam_edge.augmentation import rules_with
from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import is_not_needed
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.coco.splitting.labels import LabelCount, images_that_keep_labels
from gsam_edge.datasets.state import JsonStore
from gsam_edge.distill.arms.arm_figures import JUDGED_BY, Drawn, arm_figures, recovered_gap
from gsam_edge.distill.arms.arm_run import ArmRun
from gsam_edge.distill.arms.distillation import ArmData, arm_run, train_arm
from gsam_edge.distill.arms.hand_over import Labeller, student_labeller
from gsam_edge.distill.arms.stage import ArmSettings
from gsam_edge.distill.labels.labelling import label_images
from gsam_edge.metrics.bootstrap import Estimate
from gsam_edge.teachers.compose import TunedTeacher, compose_teacher
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.teachers.tuning import tune_where_needed
from gsam_edge.training.checkpoints import FolderCheckpoints, fingerprint
from gsam_edge.training.device import resolve_device
from gsam_edge.training.metrics import discard_metric
from gsam_edge.training.run import Run

ROOT = Path(__file__).parents[1]
TEACHER = "teacher"
#: Columns of the table: the arm of `ARMS` and what differs from the configured distillation.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "truth": ("truth", {}),
    "self_training": ("self_training", {}),
    "hard_labels": ("hard_labels", {}),
    "gated": ("distilled", {"hand_over": "teacher"}),
    "handed_over": ("distilled", {"hand_over": "best"}),
    "oracle": ("oracle", {}),
}
SMOKE = {"steps": 4, "warmup_steps": 0, "close_mosaic_steps": 0, "validate_every": 4}
SEEDS, SEEDS_OF_FEW, FEW = 2, 5, 8  # of each subset: where labels are few, luck is large
#: The stand-in's seed; the students' begin at 0.
STAND_IN_SEED = 1000


@dataclass(frozen=True)
class Study:
    """The data and settings of all runs, and where they are kept."""

    whole: Annotations
    val: Annotations
    test: Annotations
    images: Any
    settings: ArmSettings
    catalog: Any
    store: JsonStore
    checkpoints: FolderCheckpoints
    runs: JsonStore
    teacher: str
    teacher_state: Any

    def run(self, seed: int) -> Run:
        """A run that keeps checkpoints."""
        return Run(discard_metric, self.checkpoints, seed, resolve_device(self.catalog.load("params:device")))

    def subset(self, count: int, subset: int) -> tuple[Annotations, Annotations]:
        """The labelled images of a subset, and the other training images with their truth."""
        kept = images_that_keep_labels(
            self.whole, LabelCount(count=count), group_by="none", near_duplicates=[], seed=subset
        )
        others = [image["id"] for image in self.whole.images if image["id"] not in set(kept)]
        return self.whole.subset(kept), self.whole.subset(others)


def key_of(study: Study, count: int, subset: int, seed: int, name: str) -> str:
    """Names a run by all that it depends on but the images."""
    settings = study.settings
    configured = [settings.student, settings.distillation, settings.labelling, settings.scene, settings.rules]
    return fingerprint(
        [count, subset, seed, name],
        [part.digest for part in (study.whole, study.val, study.test)],
        [config.model_dump(mode="json") for config in configured],
        None if settings.initial is None else settings.initial.digest,
        None if name in ("truth", "self_training", "oracle") else [study.teacher, study.teacher_state],
    )


def state_of_teachers(catalog: Any) -> list[Any]:
    """Returns all that the tuned teachers depend on but the data."""
    choice = catalog.load("params:teachers")
    used = [name for name in TEACHERS if name in choice.names]
    bases = {name: catalog.load(f"{name}_base") for name in used}
    digests = [TEACHERS[name].base_digest(base.load()) for name, base in bases.items() if not is_not_needed(base)]
    return [choice.model_dump(), digests, *(catalog.load(f"params:{name}").model_dump(mode="json") for name in used)]


def labels_of_teacher(study: Study, count: int, subset: int) -> tuple[Labeller, Predictions]:
    """Tunes a subset's teacher, or trains its stand-in; returns its labels, and those of the test images."""
    train, others = study.subset(count, subset)
    pool = without_objects(others)
    kind, _, labels = study.teacher.partition(":")
    labelling = study.settings.labelling
    if kind == "stand-in":
        taught, _ = study.subset(min(int(labels), len(study.whole.images)), subset)
        nobody = PredictorInfo("nobody", "", prompted_with_boxes=False)
        nothing = Predictions({}, taught.class_names, nobody, taught.split_digest)
        empty = study.whole.subset([])
        data = ArmData(
            taught, study.val, study.test, empty, without_objects(empty), study.images, nothing, nothing, {}, None
        )
        weights = train_arm("truth", data, study.settings, study.run(STAND_IN_SEED + subset)).weights
        device = str(study.run(0).device)
        options = {"labelling": labelling, "store": study.store, "device": device}
        labeller = student_labeller(weights, study.val, pool, study.images, **options)
        on_test = student_labeller(weights, study.test, pool, study.images, **options).val
        return Labeller(TEACHER, labeller.val, labeller.label_pool), on_test
    teacher, features = tuned_on(study, train), study.catalog.load("teacher_features")
    composed = compose_teacher(
        train,
        teacher,
        study.catalog.load("params:teachers"),
        detection=labelling.label_detection,
        flips=labelling.flips,
        device=study.catalog.load("params:device"),
        features=features,
    )

    predictor = cache(composed.factory)  # it applies the adapters to the bases, once
    options = {"batch_size": labelling.detection.batch_size, "store": study.store}

    def label(split: Annotations) -> Predictions:
        return label_images(predictor, composed.description, split, study.images, **options)[0]

    return Labeller(TEACHER, label(study.val), lambda: label(pool)), label(study.test)


def tuned_on(study: Study, train: Annotations) -> dict[str, TunedTeacher]:
    """Tunes the configured teachers on a subset."""
    load, settings = study.catalog.load, study.settings
    choice = load("params:teachers")
    tuned = {}
    for name in TEACHERS:
        base = load(f"{name}_base")
        adapter = tune_where_needed(
            name, base, train, study.val, study.images, load(f"params:{name}"), choice, settings.scene, settings.rules,
            features=load("teacher_features"), run=study.run(0),
        )  # fmt: skip
        tuned[name] = TunedTeacher(
            base.load() if name in choice.names and not isinstance(adapter, dict) else adapter, adapter
        )
    return tuned


def without_objects(split: Annotations) -> Annotations:
    """The images of a split alone."""
    return split.taking_objects(np.zeros(0, np.int64))


def runs_of(study: Study, count: int, subset: int, seeds: int, variants: list[str]) -> Iterator[tuple[str, ArmRun]]:
    """Trains what is missing of a subset; yields variant and run of each."""
    wanted = [(seed, name) for seed in range(seeds) for name in variants]
    wanted.append((0, TEACHER))
    keys = {each: key_of(study, count, subset, *each) for each in wanted}
    missing = [each for each in wanted if keys[each] not in study.runs]
    if missing:
        train, others = study.subset(count, subset)
        labeller, on_test = labels_of_teacher(study, count, subset)
        data = ArmData(
            train, study.val, study.test, others, without_objects(others), study.images, labeller.val,
            labeller.label_pool(), study.store, None,
        )  # fmt: skip
        for seed, name in missing:
            if name == TEACHER:
                made = ArmRun(TEACHER, seed, {}, on_test)
            else:
                arm, changes = VARIANTS[name]
                distillation = study.settings.distillation.model_copy(update=changes)
                settings, run = replace(study.settings, distillation=distillation), study.run(seed)
                made = arm_run(arm, train_arm(arm, data, settings, run), data, run)
            study.runs[keys[seed, name]] = made.to_dict()
            print(json.dumps([count, subset, seed, name, made.facts.get("val", {})]), flush=True)
        study.checkpoints.clear()
    yield from ((each[1], ArmRun.from_dict(study.runs[keys[each]])) for each in wanted)


def show(test: Annotations, count: int, of_name: dict[str, list[list[ArmRun]]]) -> None:
    """Prints the table of a number of labels: means, gains and the recovered gap, each with its 95 % interval."""
    figures: dict[str, Drawn] = {}
    for name, units in of_name.items():
        drawn = arm_figures(test, [[run.predictions.objects for run in unit] for unit in units])
        figures[name] = drawn[JUDGED_BY]
    subsets, seeds = len(of_name["truth"]), len(of_name["truth"][0])
    title = f"{count} labels, {subsets} subsets x {seeds} seeds, {len(test.images)} test images: boxes, mAP50-95"
    table = Table("arm", "mean", "over truth", "over self-training", "recovered gap", title=title)
    told = {}
    for name, drawn in figures.items():
        gains = {
            of: (drawn - figures[of]).estimate for of in ("truth", "self_training") if of in figures and of != name
        }
        gap = recovered_gap(drawn, figures["truth"], figures["oracle"]) if "oracle" in figures else None
        cells = [_cell(drawn.estimate), *(_cell(gains.get(of)) for of in ("truth", "self_training")), _cell(gap)]
        table.add_row(name, *cells)
        claimed = drawn.enough and len(gains) == 2 and all(gain.low > 0 for gain in gains.values())
        told[name] = {"mean": drawn.estimate, "gains": gains, "recovered_gap": gap, "claimed": claimed}
    Console(width=140).print(table)
    print(json.dumps({"labels": count, "arms": told}), flush=True)


def _cell(value: Estimate | None) -> str:
    return "-" if value is None else f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def main() -> None:
    """Trains what is missing, prints a table for each number of labels."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--labels", type=int, nargs="+", default=[8, 20, 60])
    arguments.add_argument("--subsets", type=int, default=3)
    arguments.add_argument("--seeds", type=int, default=None, help=f"{SEEDS}, or {SEEDS_OF_FEW} up to {FEW} labels")
    arguments.add_argument("--arms", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments.add_argument("--teacher", default="tuned", help="tuned, or stand-in:<labelled images>")
    arguments.add_argument("--steps", type=int, default=None, help="of each student; the configured ones if absent")
    arguments.add_argument("--out", type=Path, default=ROOT / "data" / "08_reporting" / "teacher_pays")
    arguments.add_argument("--env", default=None)
    arguments.add_argument("--smoke", action="store_true")
    chosen = arguments.parse_args()
    if not {"truth", "self_training"} <= set(chosen.arms):
        raise SystemExit("--arms: expected truth and self_training among them: a gain is one over both")

    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=chosen.env) as session:
        catalog = session.load_context().catalog
        study = study_of(catalog, chosen)
        labels = [8] if chosen.smoke else chosen.labels
        if max(labels) >= len(study.whole.images):
            raise SystemExit(f"--labels: expected fewer than the {len(study.whole.images)} training images")
        for count in labels:
            of_name: dict[str, list[list[ArmRun]]] = {}
            for subset in range(1 if chosen.smoke else chosen.subsets):
                units: dict[str, list[ArmRun]] = {}
                seeds = 1 if chosen.smoke else chosen.seeds or (SEEDS_OF_FEW if count <= FEW else SEEDS)
                for name, run in runs_of(study, count, subset, seeds, chosen.arms):
                    units.setdefault(name, []).append(run)
                for name, unit in units.items():
                    of_name.setdefault(name, []).append(unit)
            show(study.test, count, of_name)


def study_of(catalog: Any, chosen: argparse.Namespace) -> Study:
    """Reads data and settings."""
    parts = {name: catalog.load(f"annotations_{name}") for name in ("train", "held_back", "val", "test")}
    kept = [image["id"] for name in ("train", "held_back") for image in parts[name].images]
    sound = catalog.load("annotations_checked")
    whole = replace(sound.subset(kept), info=parts["train"].info)
    test = parts["test"].subset([image["id"] for image in parts["test"].images][: 12 if chosen.smoke else None])
    distillation = catalog.load("params:distillation")
    training = distillation.training.model_copy(update=SMOKE if chosen.smoke else {})
    if chosen.steps is not None:
        training = training.model_copy(update={"steps": chosen.steps})
    others = {name: 0.0 for name in type(distillation.losses).model_fields if name != "detection"}
    losses = distillation.losses.model_copy(update=others)
    settings = ArmSettings(
        catalog.load("params:student"),
        # The arms here are told apart by their labels.
        distillation.model_copy(update={"training": training, "losses": losses}),
        catalog.load("params:labelling"),
        catalog.load("params:scene"),
        rules_with(catalog.load("params:augmentation_rules")),
        catalog.load("student_base"),
    )
    out = chosen.out / ("smoke" if chosen.smoke else "")
    return Study(
        whole, parts["val"], test, catalog.load("raw_images"), settings, catalog, JsonStore(out / "labels"),
        FolderCheckpoints(out / "checkpoints", 2), JsonStore(out / "runs"), chosen.teacher,
        state_of_teachers(catalog) if chosen.teacher == "tuned" else None,
    )  # fmt: skip


if __name__ == "__main__":
    main()
