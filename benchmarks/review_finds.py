"""Plants wrong labels and counts how many of the first that a review hands out are among them.

    python benchmarks/review_finds.py [--share 0.08] [--seeds 0 1 2], after `kedro run`

Of the labels of training, validation and test images a share is made wrong: another class (four of ten), no label at
all, a box that lies elsewhere, a label where nothing is (two of ten each). Student and teacher stay those of the last
run. The reference is a review by chance, whose share of wrong labels is the planted one.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from numpy.random import Generator
from rich.console import Console
from rich.table import Table

from gsam_edge.coco import Annotations
from gsam_edge.evaluate.review.beliefs import Beliefs, Finder
from gsam_edge.evaluate.review.candidates import candidates_of
from gsam_edge.metrics.object_errors import ErrorConfig
from gsam_edge.vision.boxes import box_iou, xywh_to_xyxy

ROOT = Path(__file__).parents[1]
SPLITS = ("train", "val", "test")
FIRST = (25, 50, 100, 200)
#: The side of a label of nothing, pixels, and by how much of its width a moved box is moved.
SIDE, MOVED = 40.0, 0.6


def main() -> None:
    """Plants, looks, prints a table and one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--share", type=float, default=0.08)
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--env", default=None)
    chosen = arguments.parse_args()
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=chosen.env) as session:
        catalog = session.load_context().catalog
        truth = {name: catalog.load(f"annotations_{name}") for name in SPLITS}
        ends = {"train": "", "val": "_val", "test": "_test"}
        teacher = {name: catalog.load(f"teacher_labels{end}") for name, end in ends.items()}
        student = {
            name: catalog.load("predictions_student" + (f"_{name}" if name != "test" else "")) for name in SPLITS
        }
        overlaps = catalog.load("params:failures").errors(catalog.load("params:evaluation").match_box_iou)
        wrong_labels = catalog.load("params:review").wrong_labels

    rows = []
    for seed in chosen.seeds:
        rng = np.random.default_rng(seed)
        spoilt, planted = {}, {}
        for name, annotations in truth.items():
            spoilt[name], planted[name] = spoil(annotations, chosen.share, rng)
        hits = looked(spoilt, planted, student, teacher, overlaps, wrong_labels)
        objects = sum(len(annotations.objects) for annotations in truth.values())
        count = sum(len(boxes) for of in planted.values() for boxes in of.values())
        rows.append({"by_chance": count / objects, **{str(n): float(np.mean(hits[:n])) for n in FIRST}})
    table = Table(
        "seed", "by chance", *(f"first {n}" for n in FIRST), title="Share of candidates that are wrong labels"
    )
    for seed, row in zip(chosen.seeds, rows, strict=True):
        table.add_row(str(seed), *(f"{value:.2f}" for value in row.values()))
    Console(width=120).print(table)
    print(json.dumps({"share": chosen.share, "seeds": chosen.seeds, "rows": rows}))


def spoil(
    annotations: Annotations, share: float, rng: Generator
) -> tuple[Annotations, dict[int, list[tuple[str, Any]]]]:
    """Returns annotations with wrong labels, and of each image the kind and box of those that were planted."""
    records: list[dict[str, Any]] = []
    planted: dict[int, list[tuple[str, Any]]] = {}
    others = [category["id"] for category in annotations.categories]
    for record in map(dict, annotations.objects):
        image = annotations.image_by_id[record["image_id"]]
        drawn = rng.random() / share

        def plant(kind: str, box: Any, image_id: int = record["image_id"]) -> None:
            planted.setdefault(image_id, []).append((kind, xywh_to_xyxy(box)[0]))

        if drawn < 0.4:
            record["category_id"] = int(rng.choice([other for other in others if other != record["category_id"]]))
            plant("class", record["bbox"])
        elif drawn < 0.6:
            plant("missing", record["bbox"])
            continue
        elif drawn < 0.8:
            left, top, width, height = record["bbox"]
            record["bbox"] = [min(left + MOVED * width, image["width"] - width), top, width, height]
            record.pop("segmentation", None)
            plant("place", record["bbox"])
        elif drawn < 1:
            far = [float(rng.uniform(0, image[side] - SIDE)) for side in ("width", "height")]
            box = [*far, SIDE, SIDE]
            records.append({**record, "id": 10**9 + record["id"], "bbox": box})
            records[-1].pop("segmentation", None)
            plant("nothing", box)
        records.append(record)
    return replace(annotations, objects=tuple(records)), planted


def looked(
    spoilt: dict[str, Annotations],
    planted: dict[str, dict[int, list[tuple[str, Any]]]],
    student: dict[str, Any],
    teacher: dict[str, Any],
    overlaps: ErrorConfig,
    wrong_labels: float,
) -> list[bool]:
    """Returns for each candidate, the most believed first, whether it is a planted label."""
    models = {"student": student, "teacher": teacher}
    beliefs = {name: Beliefs.of(spoilt["val"], model["val"], overlaps) for name, model in models.items()}
    found: list[tuple[float, bool]] = []
    for name, annotations in spoilt.items():
        finders = [Finder(model, beliefs[model], models[model][name].objects) for model in models]
        for image_id in student[name].objects:
            boxes = annotations.truth(image_id, masks=False).xyxy
            for each in candidates_of(annotations, image_id, finders, overlaps, wrong_labels=wrong_labels, least=0.01):
                kinds = ("missing", "place") if each.kind == "missing" else ("class", "place", "nothing")
                where = each.xyxy if each.object_row < 0 else boxes[each.object_row]
                least = 0.3 if each.object_row < 0 else 0.99
                of_image = [box for kind, box in planted[name].get(image_id, []) if kind in kinds]
                is_planted = any(float(box_iou(box[None], where[None])[0, 0]) >= least for box in of_image)
                found.append((each.belief, is_planted))
    return [is_planted for _, is_planted in sorted(found, key=lambda pair: -pair[0])]


if __name__ == "__main__":
    main()
