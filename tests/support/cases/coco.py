"""What is right for each small COCO input: `expected.md` of each as values."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gsam_edge.coco import statistics
from support.cases.read import Read, findings, objects_must_be_seen, validated_case


def _content(folder: Path) -> Any:
    return json.loads((folder / "input" / "annotations.json").read_text("utf-8"))


def _all_boxes_are_those_of_the_file(read: Read, content: Any, file_of: Mapping[str, str]) -> None:
    """Fails unless every object of the file is there, on the file of its image (`file_name` to name)."""
    images = {image["id"]: file_of.get(image["file_name"], image["file_name"]) for image in content["images"]}
    classes = {category["id"]: str(category["name"]) for category in content["categories"]}
    right: dict[str, list[tuple[Any, ...]]] = {name: [] for name in images.values()}
    for record in content["annotations"]:
        right[images[record["image_id"]]].append((classes[record["category_id"]], *record["bbox"]))
    assert read.objects == {name: sorted(objects) for name, objects in right.items()}
    objects_must_be_seen(read)


def coco_boxes_as_corners(folder: Path) -> None:
    read = validated_case(folder)
    read.says("corner")
    if not read.refused:
        assert not {code for code, _ in findings(read.result)} & {"box_outside", "box_off_image", "area_mismatch"}
        objects_must_be_seen(read)
    else:
        read.says("48", r"validation\.")


def coco_boxes_as_shares(folder: Path) -> None:
    read = validated_case(folder)
    read.says("share|0 to 1|fraction|relative")
    if not read.refused:
        objects_must_be_seen(read)
    else:
        read.says("48", r"validation\.")


def coco_brush_masks_as_crowd(folder: Path) -> None:
    read = validated_case(folder)
    figures = statistics(read.result.annotations)
    assert figures["per_class"] == {"scratch": 16, "dent": 16}, "objects, not crowds"
    assert figures["crowds"] == read.crowds == 16
    (count,) = [finding.count for finding in read.result.findings if "crowd" in finding.code]
    assert count == 16
    read.says("mask tool|brush")


def coco_classes_of_one_name_in_other_case(folder: Path) -> None:
    read = validated_case(folder)
    read.says("Dent", "DENT")
    if not read.refused:
        objects = [found for objects in read.objects.values() for found in objects]
        assert (len(read.objects), len(objects)) == (24, 48)


def coco_flat_polygons(folder: Path) -> None:
    read = validated_case(folder)
    if read.refused:
        read.says("list of lists", "mask")
        return
    content = _content(folder)
    _all_boxes_are_those_of_the_file(read, content, {})
    pixels = sorted(count for masks in read.masks.values() for _, count in masks)
    areas = sorted(record["area"] for record in content["annotations"])
    assert len(pixels) == 32, "each outline became a mask"
    assert all(abs(a - b) <= 0.05 * b for a, b in zip(pixels, areas, strict=True))
    read.says("list")


def coco_ids_as_names(folder: Path) -> None:
    read = validated_case(folder)
    read.says("0000001_02999_d_0000001")
    if not read.refused:
        _all_boxes_are_those_of_the_file(read, _content(folder), {})
        assert sum(map(len, read.masks.values())) == 32


def coco_names_decomposed(folder: Path) -> None:
    names = {f"images/K\u00fcche{n:02}.jpg": f"images/Ku\u0308che{n:02}.jpg" for n in range(16)}
    read = validated_case(folder)
    read.says("K\u00fcche00.jpg", "Ku\u0308che00.jpg|unicode|normali|spell")
    if not read.refused:
        _all_boxes_are_those_of_the_file(read, _content(folder), names)


def coco_names_with_backslashes(folder: Path) -> None:
    names = {f"images\\1/p{n:02}.jpg": f"images/1/p{n:02}.jpg" for n in range(16)}
    read = validated_case(folder)
    read.says(r"p00\.jpg", r"images/1/p00\.jpg")
    if not read.refused:
        _all_boxes_are_those_of_the_file(read, _content(folder), names)


def coco_numbers_as_class_names(folder: Path) -> None:
    read = validated_case(folder)
    read.says("name")
    if read.refused:
        read.says("text", "1")
        return
    assert {found[0] for objects in read.objects.values() for found in objects} == {"1", "2"}
    assert (len(read.objects), sum(map(len, read.objects.values()))) == (16, 32)


def coco_panoptic(folder: Path) -> None:
    read = validated_case(folder)
    assert read.refused
    read.says("panoptic|category_id", r"segments_info|p1\.png|annotations\[0\]")


#: By the name of the folder.
RIGHT_OF_COCO: Mapping[str, Callable[[Path], None]] = {
    check.__name__: check
    for check in (
        coco_boxes_as_corners,
        coco_boxes_as_shares,
        coco_brush_masks_as_crowd,
        coco_classes_of_one_name_in_other_case,
        coco_flat_polygons,
        coco_ids_as_names,
        coco_names_decomposed,
        coco_names_with_backslashes,
        coco_numbers_as_class_names,
        coco_panoptic,
    )
}
