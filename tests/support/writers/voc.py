"""Writes Pascal VOC: an XML file per image, corners counted from 1, both inclusive."""

import random
from xml.sax.saxutils import escape

from support.writers.scene import Label, Scene, Target, draw_scene
from support.writers.tree import Text, Tree, litter, under


def write_voc(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as VOC."""
    scene = draw_scene(rng, ("box",), names_inside=True)
    root, suffix = rng.choice(["", "VOC2007/"]), rng.choice([".xml", ".xml", ".XML"])
    xml, images = rng.choice([("Annotations/", "JPEGImages/"), ("Etiketten/", "Bilder/"), ("", "")])
    is_leaf = images == "JPEGImages/" and not root and rng.random() < 0.3
    xml, images = root + xml, root + images
    tree = Tree("voc", scene, lambda image: under(images, image.path, is_leaf=is_leaf))
    text = Text(rng)
    for label in scene.labels:
        tree.contents[under(xml, label.path, is_leaf=is_leaf) + suffix] = text(_document(label, scene, rng))
    if scene.images[0].split:
        form = rng.choice(["path", "path", "suffix", "backslash", "base"])
        for split in ("train", "val", "test"):
            listed = [image for image in scene.images if image.split == split]
            rng.shuffle(listed)
            lines = [_listed(image, form) for image in listed]
            tree.contents[f"{root}ImageSets/Main/{split}.txt"] = text("\n".join(lines) + "\n")
        spaces = any(" " in image.path for image in scene.images)
        tree.splits_written = True
        tree.splits_sure = form != "base" and scene.habit != "twins" and not spaces
    if "Annotations" in xml and not is_leaf and rng.random() < 0.3:
        for image in scene.images:
            tree.contents[f"{xml.replace('Annotations', 'SegmentationClass')}{image.stem}.png"] = b"\x89PNG: classes"
    litter(tree, rng)
    return tree


def _listed(image, form: str) -> str:
    path = f"{image.folder}/{image.stem}".lstrip("/")
    return {"path": path, "suffix": image.path, "backslash": path.replace("/", "\\"), "base": image.stem}[form]


def _document(label: Label, scene: Scene, rng: random.Random) -> str:
    height, width = scene.hw
    objects = "\n".join(_object(target, rng) for target in label.targets)
    folder = f"<folder>{escape(label.folder)}</folder>\n" if rng.random() < 0.5 else ""
    head = rng.choice(["", '<?xml version="1.0" encoding="utf-8"?>\n'])
    return (
        f"{head}<annotation>\n{folder}<filename>{escape(label.inside)}</filename>\n<size><width>{width}</width>"
        f"<height>{height}</height><depth>3</depth></size>\n{objects}\n</annotation>\n"
    )


def _object(target: Target, rng: random.Random) -> str:
    left, top, width, height = target.box
    xs, ys = [left + 1, left + width], [top + 1, top + height]
    if rng.random() < 0.1:
        xs, ys = xs[::-1], ys[::-1]
    name = "" if target.kind == "bad" else escape(target.class_name)
    return (
        f"<object>\n<name>{name}</name>\n<difficult>0</difficult>\n<bndbox><xmin>{xs[0]}</xmin><ymin>{ys[0]}</ymin>"
        f"<xmax>{xs[1]}</xmax><ymax>{ys[1]}</ymax></bndbox>\n</object>"
    )
