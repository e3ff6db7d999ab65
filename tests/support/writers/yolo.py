"""Writes YOLO in the layouts of Ultralytics, Roboflow and Darknet: a text file per image, a line per object."""

import json
import random

from support.writers.scene import Scene, Target, draw_scene
from support.writers.tree import Text, Tree, litter, under

_LAYOUTS = ("images_labels", "images_labels", "capital", "beside", "leaf", "split_last", "split_first", "darknet")


def write_yolo(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as YOLO."""
    scene = draw_scene(rng, ("box", "polygon"), names_inside=False)
    has_splits = bool(scene.images[0].split)
    layout = rng.choice(_LAYOUTS if has_splits else _LAYOUTS[:5])
    text = Text(rng)
    tree = Tree("yolo", scene, lambda image: _path(layout, "images", image.split, image.path), empty_without_file=True)
    suffix, confidence = rng.choice([".txt", ".txt", ".TXT"]), rng.choice(["", "", "", " 0.8731"])
    for label in scene.labels:
        split = label.image.split if label.image else scene.images[0].split
        lines = [_line(target, scene) + (confidence if target.box_only else "") for target in label.targets]
        tree.contents[f"{_path(layout, 'labels', split, label.path)}{suffix}"] = text("\n".join([*lines, ""]))
    if layout == "darknet":
        _darknet(tree, text)
    elif rng.random() < 0.3 and layout not in ("split_last", "split_first"):
        tree.contents["classes.txt"] = text("".join(f"{name}\n" for name in scene.classes))
    else:
        places = _split_places(tree, layout, text, rng) if has_splits else {"train": "images", "val": "images"}
        names = rng.choice([list(scene.classes), dict(enumerate(scene.classes))])
        tree.contents["data.yaml"] = text(_yaml(places, names))
        tree.splits_written = tree.splits_sure = has_splits
    litter(tree, rng)
    return tree


def _path(layout: str, kind: str, split: str, path: str) -> str:
    if layout == "leaf":
        return under(f"{kind}/", path, is_leaf=True)
    return _at(layout, kind, split) + path


def _at(layout: str, kind: str, split: str) -> str:
    folder = {"train": "train", "val": "valid", "test": "test", "": ""}[split]
    return {
        "images_labels": f"{kind}/",
        "capital": f"{kind.capitalize()}/",
        "beside": "data/",
        "darknet": "obj_train_data/",
        "split_last": f"{kind}/{folder}/",
        "split_first": f"{folder}/{kind}/",
    }[layout]


def _line(target: Target, scene: Scene) -> str:
    height, width = scene.hw
    number = 99 if target.kind == "bad" else scene.classes.index(target.class_name)
    if target.polygons:
        values = [value / (height if at % 2 else width) for at, value in enumerate(target.polygons[0])]
    else:
        left, top, w, h = target.box
        values = [(left + w / 2) / width, (top + h / 2) / height, w / width, h / height]
    return " ".join([str(number), *(f"{value:.8f}" for value in values)])


def _split_places(tree: Tree, layout: str, text: Text, rng: random.Random) -> dict[str, object]:
    """Returns what data.yaml says under train, val and test: folders, list files, or images."""
    splits = [split for split in ("train", "val", "test") if any(i.split == split for i in tree.scene.images)]
    root = rng.choice(["", "./", "../", "/home/me/set/", "C:\\data\\set\\"])
    slash = "\\" if "\\" in root else "/"
    if layout in ("split_last", "split_first"):
        return {s: (root + _at(layout, "images", s).rstrip("/")).replace("/", slash) for s in splits}
    listed = {s: [name for name, image in tree.image_of.items() if image.split == s] for s in splits}
    for names in listed.values():
        rng.shuffle(names)
    paths = {s: [(root + name).replace("/", slash) for name in names] for s, names in listed.items()}
    if rng.random() < 0.4:
        return dict(paths)
    for split, names in paths.items():
        tree.contents[f"{split}.txt"] = text("".join(f"{name}\n" for name in names))
    return {split: f"{split}.txt" for split in splits}


def _yaml(places: dict[str, object], names: object) -> str:
    # JSON is YAML; flow values keep names with backslashes and colons whole.
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in places.items()]
    listed = names.items() if isinstance(names, dict) else None
    if listed is None:
        rows.append(f"names: {json.dumps(names, ensure_ascii=False)}")
    else:
        rows += ["names:", *(f"  {number}: {name}" for number, name in listed)]
    return "\n".join(["path: .", *rows, ""])


def _darknet(tree: Tree, text: Text) -> None:
    """Writes obj.data, obj.names and the lists, as CVAT exports them: paths begin with data/."""
    splits = {"train": "train", "val": "valid", "test": "test"}
    rows = [f"classes = {len(tree.scene.classes)}"]
    for split, key in splits.items():
        names = [name for name, image in tree.image_of.items() if image.split == split]
        if names:
            tree.contents[f"{key}.txt"] = text("".join(f"data/{name}\n" for name in names))
            rows.append(f"{key} = data/{key}.txt")
    tree.contents["obj.names"] = text("".join(f"{name}\n" for name in tree.scene.classes))
    tree.contents["obj.data"] = text("\n".join([*rows, "names = data/obj.names", "backup = backup/", ""]))
    tree.splits_written = tree.splits_sure = True
