"""Writes LabelMe: a JSON file of shapes per image."""

import base64
import io
import json
import random
from typing import Any

import numpy as np
from PIL import Image

from support.writers.scene import Label, Target, draw_scene
from support.writers.tree import Text, Tree, litter, under


def write_labelme(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as LabelMe."""
    scene = draw_scene(rng, ("box", "polygon", "parts", "mask"), names_inside=True)
    documents, images = rng.choice(
        [("", ""), ("", ""), ("json/", "images/"), ("Etiketten/", "Bilder/"), ("set 1/", "set 1/")]
    )
    is_leaf, suffix = images == "images/" and rng.random() < 0.25, rng.choice([".json", ".json", ".JSON"])
    tree = Tree("labelme", scene, lambda image: under(images, image.path, is_leaf=is_leaf))
    text = Text(rng)
    is_relative = documents != images and not is_leaf and rng.random() < 0.5
    for label in scene.labels:
        inside = _up(label, images) if is_relative and scene.habit == "same" and label.image else label.inside
        shapes = [shape for row, target in enumerate(label.targets) for shape in _shapes(target, row, rng)]
        height, width = scene.hw
        document = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": inside, "imageData": None}
        content = json.dumps(
            document | {"imageHeight": height, "imageWidth": width},
            ensure_ascii=rng.random() < 0.5,
            indent=rng.choice([None, 2]),
        )
        tree.contents[under(documents, label.path, is_leaf=is_leaf) + suffix] = text(content)
    litter(tree, rng)
    return tree


def _up(label: Label, images: str) -> str:
    """Returns the path from the JSON file to the image, as LabelMe writes it."""
    return "../" * (1 + label.path.count("/")) + images + label.image.path


def _shapes(target: Target, row: int, rng: random.Random) -> list[dict[str, Any]]:
    left, top, width, height = target.box
    right, bottom = left + width, top + height
    shape: dict[str, Any] = {"label": target.class_name, "group_id": None, "flags": {}, "description": ""}
    if target.kind == "bad":
        return [shape | {"shape_type": "polygon", "points": [[left, top]]}]
    if target.kind == "box":
        two = [[left, bottom], [right, top]] if rng.random() < 0.3 else [[left, top], [right, bottom]]
        four = [[right, top], [right, bottom], [left, bottom], [left, top]]
        return [shape | {"shape_type": "rectangle", "points": four if rng.random() < 0.2 else two}]
    if target.kind == "mask":
        buffer = io.BytesIO()
        Image.fromarray(target.mask[top:bottom, left:right].astype(np.uint8) * 255).save(buffer, "PNG")
        mask = base64.b64encode(buffer.getvalue()).decode()
        return [shape | {"shape_type": "mask", "points": [[left, top], [right - 1, bottom - 1]], "mask": mask}]
    group = row if target.kind == "parts" else None
    return [
        shape | {"shape_type": "polygon", "group_id": group, "points": np.reshape(polygon, (-1, 2)).tolist()}
        for polygon in target.polygons
    ]
