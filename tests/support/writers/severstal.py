"""Writes Severstal's CSV: `ImageId,ClassId,EncodedPixels`, runs counted from 1 down the columns."""

import csv
import io
import random
from dataclasses import replace

import numpy as np

from support.writers.scene import Target, draw_scene, key, respelled
from support.writers.tree import Text, Tree, litter


def write_severstal(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as one CSV; its images are named by path, or by name alone."""
    scene = draw_scene(rng, ("mask",), names_inside=False)
    scene = replace(scene, images=tuple(replace(image, split="") for image in scene.images), labels=())
    tree = Tree("severstal", scene, lambda image: f"train_images/{image.path}")
    tree.class_names = dict(enumerate(scene.classes, start=1))
    joined, by_path, how = rng.random() < 0.3, rng.random() < 0.5, rng.choice(["case", "form", "encoded"])
    rows: list[list[str]] = []
    sure = set()
    for image in scene.images:
        if image.targets is None:
            continue
        base = image.base if scene.habit != "respelled" else respelled(image.stem, how) + image.suffix
        name = f"{image.folder}/{base}".lstrip("/") if by_path else base
        same = [
            i for i in scene.images if (key(i.path) == key(image.path) if by_path else key(i.base) == key(image.base))
        ]
        if len(same) == 1:
            sure.add(image.number)
        rows += [[name, *_cells(target, scene.classes)] for target in image.targets]
        if not image.targets:
            rows.append([name, "1", ""])
    rng.shuffle(rows)
    tree.sure, tree.empty_without_file = frozenset(sure), True
    tree.objects_written = sum(len(image.targets or ()) for image in scene.images)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["ImageId_ClassId", "EncodedPixels"] if joined else ["ImageId", "ClassId", "EncodedPixels"])
    writer.writerows([f"{name}_{number}", runs] if joined else [name, number, runs] for name, number, runs in rows)
    tree.contents["train.csv"] = Text(rng)(buffer.getvalue())
    litter(tree, rng)
    return tree


def _cells(target: Target, classes: tuple[str, ...]) -> tuple[str, str]:
    number = str(classes.index(target.class_name) + 1)
    if target.kind == "bad":
        return number, "7"
    flat = np.concatenate([[0], target.mask.T.ravel().astype(int), [0]])
    starts, ends = np.flatnonzero(np.diff(flat) == 1), np.flatnonzero(np.diff(flat) == -1)
    return number, " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True))
