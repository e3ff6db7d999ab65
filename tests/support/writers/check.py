"""Compares an import with the dataset that was written: no label on another image, nothing lost in silence."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.importers import ImportConfig, Imported, import_annotations
from support.writers.scene import SceneImage, Target, key
from support.writers.tree import Tree

#: YOLO's shares are written with eight decimals; the other formats are exact.
_TOLERANCE = 1e-5


def imported_tree(tree: Tree) -> Imported | str:
    """Imports a tree through the public door; returns the message where it is refused."""
    config = ImportConfig(class_names=dict(tree.class_names), labels_lost="drop", unlisted_images="empty")
    try:
        return import_annotations(tree, tree.format_name, config)
    except InvalidDatasetError as error:
        return str(error)


def check(tree: Tree, result: Imported | str) -> None:
    """Fails where an import differs from the dataset that was written and does not say so."""
    must_arrive = {
        name
        for name, image in tree.image_of.items()
        if image.number in tree.sure and (_kept(image) or image.targets == ())
    }
    if isinstance(result, str):
        objects = sum(len(_kept(tree.image_of[name])) for name in must_arrive)
        assert not objects, f"refused with {objects} objects that are certain: {result}"
        return
    found = objects_of(result.content)
    for name, objects in found.items():
        assert name in tree.image_of, f"no such image: {name}"
        _check_image(tree, name, objects)
    missing = must_arrive - found.keys()
    assert not missing, f"left out although certain: {sorted(missing)}; {result.report['skipped']}"
    _check_splits(tree, result)
    _check_account(tree, result)


def objects_of(content: Mapping[str, Any]) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Returns the objects of each image of a COCO file, as class and record."""
    names = {image["id"]: image["file_name"] for image in content["images"]}
    classes = {category["id"]: category["name"] for category in content["categories"]}
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {name: [] for name in names.values()}
    for record in content["annotations"]:
        found[names[record["image_id"]]].append((classes[record["category_id"]], record))
    return found


def canonical(result: Imported | str) -> Any:
    """Returns what may not depend on the order in which files are listed: images, objects, and the account."""
    if isinstance(result, str):
        return "refused"  # the message shows the first case
    objects = {
        name: sorted(
            (class_name, repr(record.get("bbox")), repr(record.get("segmentation"))) for class_name, record in rows
        )
        for name, rows in objects_of(result.content).items()
    }
    splits = {image["file_name"]: image.get("split") for image in result.content["images"]}
    account = {row["what"]: (row["found"], row["taken"], row["why"]) for row in result.report["account"]}
    return objects, splits, account, {entry["code"]: entry["count"] for entry in result.report["notes"]}


def _check_image(tree: Tree, name: str, objects: list[tuple[str, dict[str, Any]]]) -> None:
    image, hw = tree.image_of[name], tree.scene.hw
    lefts = {number_of(record, hw) for _, record in objects}
    if tree.merged and lefts:
        lefts = {min(lefts)}  # one mask may have become an object per region
    assert lefts <= {image.number}, f"{name} is image {image.number} and got labels of images {sorted(lefts)}"
    if image.targets is None:
        assert tree.empty_without_file, f"{name}: nobody annotated it"
        assert not objects
        rivals = [
            label for label in tree.scene.labels if key(label.path) == key(f"{image.folder}/{image.stem}".lstrip("/"))
        ]
        assert all(label.sure for label in rivals), f"{name} is empty, but {rivals[0].path} may hold its labels"
        return
    kept = _kept(image)
    assert objects or not image.targets, f"{name} had {len(image.targets)} labels and comes out empty"
    if tree.merged:
        union = np.any([_mask(record, hw) for _, record in objects], axis=0)
        np.testing.assert_array_equal(union, np.any([target.mask for target in kept], axis=0))
        return
    assert len(objects) == len(kept), f"{name}: {len(objects)} objects for {len(kept)}"
    for target, (class_name, record) in zip(kept, sorted(objects, key=lambda row: _top(row[1], hw)), strict=True):
        wanted = target.class_name if tree.format_name != "png_masks" else tree.scene.classes[0]
        assert class_name == wanted, f"{name}: {class_name} for {wanted}"
        _check_shape(target, record, hw, name)


def _check_shape(target: Target, record: Mapping[str, Any], hw: tuple[int, int], name: str) -> None:
    if target.kind == "mask":
        np.testing.assert_array_equal(_mask(record, hw), target.mask, err_msg=name)
    elif target.kind == "box":
        np.testing.assert_allclose(record["bbox"], target.box, atol=_TOLERANCE, err_msg=name)
        assert not record.get("segmentation")
    else:
        found = sorted(record["segmentation"])
        assert len(found) == len(target.polygons), f"{name}: {found} for {target.polygons}"
        for one, other in zip(found, sorted(map(list, target.polygons)), strict=True):
            np.testing.assert_allclose(one, other, atol=_TOLERANCE, err_msg=name)


def _check_splits(tree: Tree, result: Imported) -> None:
    found = {image["file_name"]: image["split"] for image in result.content["images"] if "split" in image}
    assert all(tree.image_of[name].split == split for name, split in found.items()), "an image in another split"
    if tree.splits_sure:
        assert len(found) == len(result.content["images"]), f"splits are lost: {result.report['skipped']}"
    elif tree.splits_written and not found:
        assert any("split" in entry["code"] for entry in result.report["skipped"]), "splits are lost without a word"


def _check_account(tree: Tree, result: Imported) -> None:
    rows = {row["what"]: row for row in result.report["account"]}
    for row in rows.values():
        assert row["found"] == row["taken"] + row["left"] == row["taken"] + sum(row["why"].values()), row
    codes = {entry["code"] for entry in result.report["skipped"]}
    assert {code for row in rows.values() for code in row["why"]} <= codes
    image_files = {name for name in tree.image_names() if name not in tree.mask_files}
    assert rows["images"]["found"] == len(image_files), f"{rows['images']} for {len(image_files)} images"
    assert rows["images"]["found"] + rows["files"]["found"] == len(tree.contents), (
        f"{rows} for {len(tree.contents)} files"
    )
    assert rows["images"]["taken"] == len(result.content["images"])
    assert rows["objects"]["taken"] == len(result.content["annotations"])
    if not tree.merged:
        assert rows["objects"]["found"] == tree.objects_written, f"{rows['objects']} for {tree.objects_written} objects"


def _kept(image: SceneImage) -> list[Target]:
    return [target for target in image.targets or () if target.kind != "bad"]


def number_of(record: Mapping[str, Any], hw: tuple[int, int]) -> int:
    """Returns the number of the image that an object was drawn on: its left edge tells it."""
    return round(_corner(record, hw)[0]) - 1


def _top(record: Mapping[str, Any], hw: tuple[int, int]) -> float:
    return _corner(record, hw)[1]


def _corner(record: Mapping[str, Any], hw: tuple[int, int]) -> tuple[float, float]:
    segmentation = record.get("segmentation")
    if not segmentation:
        return record["bbox"][0], record["bbox"][1]
    if isinstance(segmentation, dict):
        rows, columns = np.nonzero(_mask(record, hw))
        return columns.min(), rows.min()
    points = np.concatenate([np.reshape(polygon, (-1, 2)) for polygon in segmentation])
    left, top = points.min(axis=0)
    return left, top


def _mask(record: Mapping[str, Any], hw: tuple[int, int]) -> Any:
    segmentation = record["segmentation"]
    if isinstance(segmentation["counts"], list):
        segmentation = coco_mask.frPyObjects(segmentation, *hw)
    return coco_mask.decode(segmentation).astype(bool)
