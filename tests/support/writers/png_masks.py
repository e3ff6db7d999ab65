"""Writes masks as PNG files: a folder per image as in the Data Science Bowl 2018, or one file per image."""

import io
import random
from dataclasses import replace

import numpy as np
from PIL import Image

from support.writers.scene import Scene, SceneImage, draw_scene
from support.writers.tree import Tree, litter


def write_png_masks(rng: random.Random) -> Tree:
    """Draws a dataset and writes its masks as files; images without objects have none."""
    scene = draw_scene(rng, ("mask",), names_inside=False)
    merged = rng.random() < 0.3
    images = tuple(replace(image, split="", targets=image.targets or None) for image in scene.images)
    if merged:
        images = tuple(replace(image, targets=_sound(image)) for image in images)
    class_name = scene.classes[0]
    scene = replace(scene, images=images, classes=(class_name,), labels=())
    place = (
        (lambda image: f"images/{image.path}") if merged else (lambda image: f"{_folder(image)}/images/{image.base}")
    )
    tree = Tree("png_masks", scene, place, class_names={0: class_name}, merged=merged)
    values = rng.choice([1, 255])
    for image in images:
        if image.targets and merged:
            union = np.any([target.mask for target in image.targets], axis=0)
            name = f"masks/{image.folder}/{image.stem}.png".replace("//", "/")
            tree.contents[name] = _png(union * values)
            tree.mask_files.add(name)
        for row, target in enumerate(image.targets or ()):
            content = b"broken" if target.kind == "bad" else _png(target.mask * values)
            if not merged:
                name = f"{_folder(image)}/masks/{rng.randrange(1 << 32):08x}{row}.png"
                tree.contents[name] = content
                tree.mask_files.add(name)
    tree.sure = frozenset(image.number for image in images if image.targets and (not merged or _alone(image, scene)))
    tree.objects_written = sum(len(image.targets or ()) for image in images)
    litter(tree, rng)
    return tree


def _place_of_all(image: SceneImage) -> str:
    return f"images/{image.path}"


def _place_alone(image: SceneImage) -> str:
    return f"{_folder(image)}/images/{image.base}"


def _sound(image: SceneImage):
    return tuple(target for target in image.targets or () if target.kind == "mask") or None


def _alone(image: SceneImage, scene: Scene) -> bool:
    return sum((i.folder, i.stem) == (image.folder, image.stem) for i in scene.images) == 1


def _folder(image: SceneImage) -> str:
    return f"{image.folder}/{image.stem}-{image.number}".lstrip("/")


def _png(values) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
