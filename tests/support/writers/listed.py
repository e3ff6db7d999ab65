"""Writes formats whose files list many images: CVAT, Label Studio, Datumaro and Open Images; and Supervisely."""

import base64
import csv
import io
import json
import random
import zlib
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from support.writers.scene import Kind, Scene, Target, draw_scene, key, respelled
from support.writers.tree import Text, Tree, litter, under

_SUBSETS = {"train": "train", "val": "validation", "test": "test", "": "default"}


@dataclass(frozen=True)
class Entry:
    """An image as a file lists it, there or deleted: its stated path, its split and its objects."""

    path: str
    split: str
    targets: tuple[Target, ...]


def _listing(rng: random.Random, kinds: tuple[Kind, ...], *, with_splits: bool) -> tuple[Scene, list[Entry], set[int]]:
    """Draws a dataset; returns it, what is listed, and the numbers of the images whose labels are certain."""
    scene = draw_scene(rng, kinds, names_inside=False)
    if not with_splits:
        scene = replace(scene, images=tuple(replace(image, split="") for image in scene.images), labels=scene.labels)
    how, spelled = rng.choice(["case", "form", "encoded"]), scene.habit == "respelled"
    entries = [
        Entry((replace(i, stem=respelled(i.stem, how)) if spelled else i).path, i.split, i.targets)
        for i in scene.images
        if i.targets is not None
    ]
    split = scene.images[0].split
    entries += [Entry(f"{x.path}.jpg", split, x.targets) for x in scene.labels if x.image is None and x.targets]
    rng.shuffle(entries)
    paths = [(image.split, key(image.path)) for image in scene.images]
    sure = {i.number for i in scene.images if not spelled or paths.count((i.split, key(i.path))) == 1}
    return scene, entries, sure


def _finished(tree: Tree, rng: random.Random, entries: list[Entry], sure: set[int], *, with_splits: bool) -> Tree:
    tree.sure = frozenset(sure)
    tree.objects_written = sum(len(entry.targets) for entry in entries)
    splits = {image.split for image in tree.scene.images if image.targets is not None and image.number in sure}
    tree.splits_written = tree.splits_sure = with_splits and len(splits) > 1
    litter(tree, rng)
    return tree


def write_cvat(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as CVAT for images."""
    scene, entries, sure = _listing(rng, ("box", "polygon", "parts", "mask"), with_splits=True)
    tree = Tree("cvat", scene, lambda image: f"images/{_SUBSETS[image.split]}/{image.path}")
    height, width = scene.hw
    nodes = []
    for number, entry in enumerate(entries):
        subset = f" subset={quoteattr(_SUBSETS[entry.split])}" if entry.split else ""
        shapes = "".join(_cvat_shapes(target, row) for row, target in enumerate(entry.targets, start=1))
        name = quoteattr(entry.path)
        nodes.append(f'<image id="{number}" name={name}{subset} width="{width}" height="{height}">{shapes}</image>')
    labels = "".join(f"<label><name>{name}</name></label>" for name in scene.classes)
    head = f"<version>1.1</version><meta><task><labels>{labels}</labels></task></meta>"
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{head}{chr(10).join(nodes)}</annotations>'
    tree.contents["annotations.xml"] = Text(rng)(text)
    return _finished(tree, rng, entries, sure, with_splits=True)


def _cvat_shapes(target: Target, row: int) -> str:
    label, (left, top, width, height) = f"label={quoteattr(target.class_name)}", target.box
    if target.kind == "bad":
        return '<box xtl="1" ytl="1" xbr="5" ybr="5"/>'
    if target.mask is not None:
        flat = target.mask[top : top + height, left : left + width].ravel().tolist()
        runs = [len(list(run)) for _, run in groupby([False, *flat])]
        place = f'left="{left}" top="{top}" width="{width}" height="{height}"'
        return f'<mask {label} rle="{", ".join(map(str, [runs[0] - 1, *runs[1:]]))}" {place}/>'
    if not target.polygons:
        return f'<box {label} xtl="{left}.00" ytl="{top}.00" xbr="{left + width}.00" ybr="{top + height}.00"/>'
    group = f' group_id="{row}"' if target.kind == "parts" else ""
    points = (";".join(f"{x}.00,{y}.00" for x, y in np.reshape(flat, (-1, 2))) for flat in target.polygons)
    return "".join(f'<polygon {label} points="{pairs}"{group}/>' for pairs in points)


def write_label_studio(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as Label Studio's JSON, which knows no splits."""
    scene, entries, sure = _listing(rng, ("box", "polygon", "mask"), with_splits=False)
    folder, link = rng.choice(["", "images/"]), rng.choice(["{}", "/data/local-files/?d={}", "s3://bucket/{}"])
    tree = Tree("label_studio", scene, lambda image: folder + image.path)
    tasks = []
    for number, entry in enumerate(entries):
        results = [
            {"id": f"r{row}", "type": "any", "value": _region(target, scene.hw), "image_rotation": 0,
             "original_width": scene.hw[1], "original_height": scene.hw[0], "from_name": "label", "to_name": "image"}
            for row, target in enumerate(entry.targets)
        ]  # fmt: skip
        path = entry.path if link == "{}" else quote(entry.path, safe="/" if "s3" in link else "")
        annotation = {"id": number, "completed_by": 1, "was_cancelled": False, "result": results}
        tasks.append({"id": number, "data": {"image": link.format(path)}, "annotations": [annotation]})
    tree.contents["project-1.json"] = Text(rng)(json.dumps(tasks, ensure_ascii=rng.random() < 0.5))
    return _finished(tree, rng, entries, sure, with_splits=False)


def _region(target: Target, hw: tuple[int, int]) -> dict[str, Any]:
    labels = [] if target.kind == "bad" else [target.class_name]
    if target.mask is not None:
        rgba = np.zeros((*hw, 4), np.uint8)
        rgba[target.mask] = (30, 144, 255, 255)
        return {"format": "rle", "rle": packed_runs(rgba.ravel().tolist()), "brushlabels": labels}
    if target.polygons:
        points = np.reshape(target.polygons[0], (-1, 2)) * 100 / np.array(hw[::-1])
        return {"points": points.tolist(), "closed": True, "polygonlabels": labels}
    left, top, width, height = (100 * v / side for v, side in zip(target.box, (hw[1], hw[0]) * 2, strict=True))
    return {"x": left, "y": top, "width": width, "height": height, "rotation": 0, "rectanglelabels": labels}


def packed_runs(values: list[int]) -> list[int]:
    """Packs runs with four lengths of 3, 4, 8 and 16 bits, as Label Studio's own encoder does."""
    bits = [f"{len(values):032b}{7:05b}", *(f"{size - 1:04b}" for size in (3, 4, 8, 16))]
    for value, run in groupby(values):
        length = len(list(run))
        for start in range(0, length, 2**16):
            part = min(2**16, length - start)
            which, size = next((n, size) for n, size in enumerate((3, 4, 8, 16)) if part <= 2**size)
            bits.append(f"{int(part > 1)}{which:02b}{part - 1:0{size}b}{value:08b}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]


def write_datumaro(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as Datumaro: a file for each subset."""
    scene, entries, sure = _listing(rng, ("box", "polygon", "parts", "mask"), with_splits=True)
    tree = Tree("datumaro", scene, lambda image: f"images/{_SUBSETS[image.split]}/{image.path}")
    text, labels = Text(rng), [{"name": name, "parent": "", "attributes": []} for name in scene.classes]
    for split in {entry.split: None for entry in entries}:
        items = [
            {
                "id": entry.path.rpartition(".")[0],
                "image": {"path": entry.path, "size": list(scene.hw)},
                "annotations": [
                    part for row, t in enumerate(entry.targets, 1) for part in _items(t, row, scene.classes)
                ],
            }
            for entry in entries
            if entry.split == split
        ]
        document = {"dm_format_version": "1.0", "categories": {"label": {"labels": labels}}, "items": items}
        tree.contents[f"annotations/{_SUBSETS[split]}.json"] = text(json.dumps(document))
    return _finished(tree, rng, entries, sure, with_splits=True)


def _items(target: Target, row: int, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    common = {"attributes": {}, "label_id": classes.index(target.class_name), "z_order": 0, "group": row}
    if target.mask is not None:
        rle = coco_mask.encode(np.asfortranarray(target.mask, np.uint8))
        return [common | {"type": "mask", "rle": {"size": rle["size"], "counts": rle["counts"].decode()}}]
    if target.polygons:
        return [common | {"type": "polygon", "points": list(flat)} for flat in target.polygons]
    return [common | {"type": "bbox", "bbox": list(target.box)} | ({"label_id": 99} if target.kind == "bad" else {})]


def write_open_images(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as Open Images, whose files name no image without objects."""
    scene, entries, sure = _listing(rng, ("box", "mask"), with_splits=True)
    scene = replace(scene, images=tuple(replace(image, targets=image.targets or None) for image in scene.images))
    tree = Tree("open_images", scene, lambda image: f"images/{_SUBSETS[image.split]}/{image.path}")
    ids = {name: f"/m/0{number}" for number, name in enumerate(scene.classes)}
    text, rows = Text(rng), {}
    for number, entry in enumerate(entries):
        image_id = entry.path.rpartition(".")[0]
        for row, target in enumerate(entry.targets):
            left, top, width, height = target.box
            shares = (left / scene.hw[1], (left + width) / scene.hw[1], top / scene.hw[0], (top + height) / scene.hw[0])
            label = "" if target.kind == "bad" else ids[target.class_name]
            if target.mask is None:
                cells = (image_id, "xclick", label, 1, *shares, 0)
                rows.setdefault((entry.split, "annotations-bbox"), []).append(cells)
            else:
                name = f"{number}_{row}.png"
                content = io.BytesIO()
                Image.fromarray(target.mask).save(content, "PNG")
                tree.contents[f"masks/{name}"] = content.getvalue()
                tree.mask_files.add(f"masks/{name}")
                cells = (name, image_id, label, "", "", "", "", "")
                rows.setdefault((entry.split, "annotations-object-segmentation"), []).append(cells)
    columns = {
        "annotations-bbox": [
            "ImageID",
            "Source",
            "LabelName",
            "Confidence",
            "XMin",
            "XMax",
            "YMin",
            "YMax",
            "IsGroupOf",
        ],
        "annotations-object-segmentation": [
            "MaskPath",
            "ImageID",
            "LabelName",
            "BoxID",
            "BoxXMin",
            "BoxXMax",
            "BoxYMin",
            "BoxYMax",
        ],
    }
    for (split, kind), cells in rows.items():
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([columns[kind], *cells])
        tree.contents[f"annotations/{_SUBSETS[split]}-{kind}.csv"] = text(table.getvalue())
    names = "".join(f"{number},{name}\n" for name, number in ids.items())
    tree.contents["annotations/class-descriptions-boxable.csv"] = text(names)
    stems = [(image.split, image.folder, key(image.stem)) for image in scene.images]
    alone = {i.number for i in scene.images if stems.count((i.split, i.folder, key(i.stem))) == 1}
    return _finished(tree, rng, entries, sure & alone, with_splits=True)


def write_supervisely(rng: random.Random) -> Tree:
    """Draws a dataset and writes it as Supervisely: a folder is a dataset, with `img/` and `ann/`."""
    scene = draw_scene(rng, ("box", "polygon", "parts", "mask"), names_inside=False)
    tree = Tree("supervisely", scene, lambda image: under("img/", image.path, is_leaf=True))
    text = Text(rng)
    for label in scene.labels:
        objects = [_figure(target) for target in label.targets]
        size = {"height": scene.hw[0], "width": scene.hw[1]}
        document = {"description": "", "tags": [], "size": size, "objects": objects}
        suffix = label.image.suffix if label.image else ".jpg"
        name = under("ann/", label.path, is_leaf=True) + suffix
        tree.contents[f"{name}.json"] = text(json.dumps(document, ensure_ascii=rng.random() < 0.5))
    classes = [{"title": name, "shape": "any"} for name in scene.classes]
    tree.contents["meta.json"] = text(json.dumps({"classes": classes, "tags": []}))
    litter(tree, rng)
    return tree


def _figure(target: Target) -> dict[str, Any]:
    left, top, width, height = target.box
    figure: dict[str, Any] = {"tags": []} if target.kind == "bad" else {"tags": [], "classTitle": target.class_name}
    rings = [{"exterior": np.reshape(flat, (-1, 2)).tolist(), "interior": []} for flat in target.polygons]
    if target.mask is not None:
        content = io.BytesIO()
        image = Image.fromarray(target.mask[top : top + height, left : left + width].astype(np.uint8))
        image.putpalette([0, 0, 0, 255, 255, 255])
        image.save(content, "PNG", transparency=0)
        data = base64.b64encode(zlib.compress(content.getvalue())).decode()
        return figure | {"geometryType": "bitmap", "bitmap": {"data": data, "origin": [left, top]}}
    if target.kind == "parts":
        return figure | {"geometryType": "multipolygon", "parts": rings}
    if rings:
        return figure | {"geometryType": "polygon", "points": rings[0]}
    corners = [[left, top], [left + width, top + height]]
    return figure | {"geometryType": "rectangle", "points": {"exterior": corners, "interior": []}}
