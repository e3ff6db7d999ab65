"""Writes COCO in several files: as COCO itself, Roboflow and CVAT lay them out, ids counted anew in each."""

import json
import random
from dataclasses import replace
from typing import Any

import numpy as np

from support.writers.scene import Scene, SceneImage, Target, draw_scene, key, respelled
from support.writers.tree import Text, Tree, litter

_FOLDERS = {"train": "train", "val": "valid", "test": "test"}


def write_coco(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as COCO; an image that no file lists is not annotated."""
    scene = draw_scene(rng, ("box", "polygon", "parts", "mask"), names_inside=False)
    images = tuple(replace(image, targets=_sound(image)) for image in scene.images)
    scene = replace(scene, images=images, labels=())
    splits = {image.split for image in images} - {""}
    layout = rng.choice(["roboflow", "coco", "years"] if splits else ["cvat", "root"])
    tree = Tree("coco", scene, lambda image: _folder(layout, image.split) + image.path)
    text, how = Text(rng), rng.choice(["case", "form", "encoded"])
    for split in sorted(splits or {""}):
        listed = [image for image in images if image.split == split and image.targets is not None]
        rng.shuffle(listed)
        file_names = {image.number: _file_name(image, scene, how, rng) for image in listed}
        content = json.dumps(_document(listed, file_names, scene, rng), ensure_ascii=rng.random() < 0.5)
        tree.contents[_json_name(layout, split)] = text(content)
    paths = [(image.split, key(image.path)) for image in images]
    is_exact = scene.habit != "respelled"
    sure = {
        i.number for i in images if i.targets is not None and (is_exact or paths.count((i.split, key(i.path))) == 1)
    }
    tree.sure, tree.objects_written = frozenset(sure), sum(len(image.targets or ()) for image in images)
    tree.splits_written = len({image.split for image in images if image.targets is not None}) > 1
    tree.splits_sure = tree.splits_written
    litter(tree, rng)
    return tree


def _sound(image: SceneImage) -> tuple[Target, ...] | None:
    if image.targets is None:
        return None
    return tuple(replace(target, kind="box") if target.kind == "bad" else target for target in image.targets)


def _folder(layout: str, split: str) -> str:
    if layout in ("cvat", "coco"):
        return "images/" + (f"{_FOLDERS[split]}/" if split else "")
    return {"roboflow": f"{_FOLDERS.get(split)}/", "years": f"{split}2017/", "root": ""}[layout]


def _json_name(layout: str, split: str) -> str:
    return {
        "roboflow": f"{_FOLDERS.get(split)}/_annotations.coco.json",
        "coco": f"annotations/{_FOLDERS.get(split)}.json",
        "years": f"annotations/instances_{split}2017.json",
        "cvat": "annotations/instances_default.json",
        "root": "annotations.json",
    }[layout]


def _file_name(image: SceneImage, scene: Scene, how: str, rng: random.Random) -> str:
    if scene.habit == "respelled":
        image = replace(image, stem=respelled(image.stem, how))
    return image.path.replace("/", rng.choice(["/", "\\"]))


def _document(listed: list[SceneImage], file_names: dict[int, str], scene: Scene, rng: random.Random) -> dict[str, Any]:
    height, width = scene.hw
    first, numbers = rng.choice([0, 1, 1000]), list(range(1, len(scene.classes) + 1))
    rng.shuffle(numbers)
    category_ids = dict(zip(scene.classes, numbers, strict=True))
    images, annotations = [], []
    for image_id, image in enumerate(listed, start=first):
        images.append({"id": image_id, "file_name": file_names[image.number], "width": width, "height": height})
        for target in image.targets or ():
            record = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category_ids[target.class_name]}
            annotations.append(record | {"iscrowd": 0} | _shape(target))
    rng.shuffle(annotations)
    categories = [{"id": number, "name": name} for name, number in category_ids.items()]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def _shape(target: Target) -> dict[str, Any]:
    if target.polygons:
        return {"segmentation": [list(polygon) for polygon in target.polygons]}
    if target.mask is None:
        return {"bbox": list(target.box), "area": target.box[2] * target.box[3]}
    flat = target.mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    counts = counts if not flat[0] else [0, *counts]
    return {"segmentation": {"size": list(target.mask.shape), "counts": counts}, "area": int(target.mask.sum())}
