"""What is right for each small input in another format than COCO: `expected.md` of each as values.

A table maps an image of `input/` to its objects: class, left, top, width and height in pixels from 0.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.cases.read import Read, account_must_add_up, imported_case, must_be, objects_must_be_seen


def _dents(pattern: str, *boxes: tuple[float, ...], first: int = 0) -> dict[str, list[tuple[object, ...]]]:
    """Returns images named by their number, each with one dent."""
    return {pattern.format(number): [("dent", *box)] for number, box in enumerate(boxes, start=first)}


def _all(read: Read, right: dict[str, list[tuple[object, ...]]]) -> None:
    """Fails unless everything was taken over, on its image."""
    must_be(read, right, may_leave=frozenset())
    objects_must_be_seen(read)


def _splits(read: Read, **images_of_split: list[str]) -> None:
    assert read.splits == {name: split for split, names in images_of_split.items() for name in names}
    assert read.result["splits"] == {split: len(names) for split, names in images_of_split.items()}


SAME_NAMES = {
    "JPEGImages/cam1/0000.jpg": [("scratch", 106, 79, 28, 33)],
    "JPEGImages/cam1/0001.jpg": [("scratch", 43, 7, 49, 27)],
    "JPEGImages/cam1/0002.jpg": [("scratch", 16, 59, 46, 32)],
    "JPEGImages/cam1/0003.jpg": [("scratch", 28, 48, 34, 40)],
    "JPEGImages/cam1/0004.jpg": [("scratch", 101, 9, 29, 44)],
    "JPEGImages/cam1/0005.jpg": [("scratch", 41, 33, 36, 27)],
    "JPEGImages/cam2/0000.jpg": [("dent", 75, 22, 31, 20)],
    "JPEGImages/cam2/0001.jpg": [("dent", 38, 78, 43, 39)],
    "JPEGImages/cam2/0002.jpg": [("dent", 70, 21, 27, 46)],
    "JPEGImages/cam2/0003.jpg": [("dent", 39, 6, 56, 37)],
    "JPEGImages/cam2/0004.jpg": [("dent", 75, 36, 26, 43)],
    "JPEGImages/cam2/0005.jpg": [("dent", 6, 6, 31, 40)],
}


def voc_same_names_in_folders(folder: Path) -> None:
    read = imported_case(folder, "voc")
    _all(read, SAME_NAMES)
    places = {"train": range(4), "val": [4], "test": [5]}
    listed = {s: [f"JPEGImages/cam{cam}/000{n}.jpg" for cam in (1, 2) for n in ns] for s, ns in places.items()}
    _splits(read, **listed)


def voc_corners_swapped(folder: Path) -> None:
    right = _dents("g{}.jpg", (62, 51, 51, 24), (61, 63, 55, 32), (38, 24, 50, 26), (51, 27, 57, 32))
    read = imported_case(folder, "voc")
    must_be(read, right, "corner|min", may_leave=frozenset(right) - {"g0.jpg"})
    read.says("corner|min")
    objects_must_be_seen(read)


def voc_lists_with_suffix(folder: Path) -> None:
    boxes = [(6, 36, 47, 29), (90, 29, 24, 48), (101, 14, 37, 21), (60, 60, 27, 36)]
    boxes += [(21, 60, 36, 41), (61, 61, 47, 49), (64, 44, 42, 46), (53, 6, 56, 33)]
    read = imported_case(folder, "voc")
    _all(read, _dents("JPEGImages/g{}.jpg", *boxes))
    _splits(
        read,
        train=[f"JPEGImages/g{number}.jpg" for number in range(6)],
        val=["JPEGImages/g6.jpg", "JPEGImages/g7.jpg"],
    )


def voc_polygons_and_boxes(folder: Path) -> None:
    boxes = [(1, 63, 47, 32), (103, 64, 50, 41), (71, 53, 60, 38), (50, 12, 27, 28), (55, 65, 33, 27)]
    read = imported_case(folder, "voc")
    _all(read, _dents("JPEGImages/p{}.jpg", *boxes))
    masks = [pixels for found in read.masks.values() for _, pixels in found]
    if masks:
        assert masks == [pytest.approx(area, rel=0.08) for area in (540.5, 740.0, 830.5, 266.5, 312.0)]
    else:
        read.says("polygon|outline")


def yolo_byte_order_mark(folder: Path) -> None:
    scratches = [(69, 61, 53, 50), (47, 32, 42, 40), (23, 82, 56, 31), (47, 94, 34, 24), (75, 48, 53, 46)]
    scratches += [(110, 40, 33, 28)]
    dents = [(28, 49, 54, 35), (87, 32, 56, 40), (21, 66, 25, 43), (60, 19, 54, 20), (24, 48, 56, 30), (22, 18, 36, 28)]
    right = _dents("images/f{}.jpg", *dents)
    read = imported_case(folder, "yolo")
    must_be(
        read,
        {n: [("scratch", *box), *right[n]] for n, box in zip(right, scratches, strict=True)},
        may_leave=frozenset(),
    )
    assert read.result["per_class"] == {"scratch": 6, "dent": 6}


def yolo_capital_folders(folder: Path) -> None:
    boxes = [(35, 28, 26, 31), (15, 43, 57, 42), (128, 67, 25, 21), (39, 24, 35, 48), (18, 84, 54, 33), (88, 2, 30, 45)]
    train = _dents("train/images/p{}.jpg", *boxes)
    val = _dents("valid/Images/p{}.jpg", (117, 26, 37, 33), (74, 60, 39, 25), first=6)
    read = imported_case(folder, "yolo")
    must_be(read, train | val, "valid/Images", "valid/Labels", may_leave=frozenset(val))
    objects_must_be_seen(read)
    if read.objects.keys() >= val.keys():
        _splits(read, train=[*train], val=[*val])


def yolo_confidence_column(folder: Path) -> None:
    boxes = [(16, 14, 42, 42), (118, 90, 40, 27), (54, 29, 31, 37), (8, 55, 33, 39), (79, 80, 45, 36)]
    right = _dents("images/f{}.jpg", *boxes)
    read = imported_case(folder, "yolo")
    must_be(read, right, "confidence|sixth", may_leave=None)
    read.says("confidence|sixth")


def yolo_label_names_encoded(folder: Path) -> None:
    encoded = _dents("images/Bild é {}.jpg", (98, 14, 38, 31), (39, 16, 51, 41), (83, 53, 41, 40))
    plain = _dents("images/plain{}.jpg", (23, 39, 26, 41), (52, 79, 42, 36), (109, 70, 46, 31), first=3)
    read = imported_case(folder, "yolo")
    must_be(read, encoded | plain, may_leave=frozenset(encoded))
    read.says("Bild%20%C3%A9%200.txt")
    objects_must_be_seen(read)


def yolo_one_label_two_images(folder: Path) -> None:
    boxes = [(105, 55, 43, 21), (23, 9, 38, 33), (78, 63, 34, 36), (18, 23, 53, 49)]
    right = _dents("images/s{}.jpg", *boxes)
    read = imported_case(folder, "yolo")
    assert "images/s0.png" not in read.objects, "neither its labels nor emptiness is known of it"
    must_be(read, right, may_leave=frozenset({"images/s0.jpg"}))
    read.says("pairing_ambiguous", r"images/s0\.jpg", r"images/s0\.png")
    objects_must_be_seen(read)


def yolo_yaml_lists_images(folder: Path) -> None:
    boxes = [(72, 42, 34, 41), (7, 22, 52, 48), (12, 47, 25, 36), (19, 77, 44, 34), (14, 36, 31, 24), (32, 69, 51, 46)]
    boxes += [(86, 62, 35, 37), (121, 14, 29, 42), (16, 17, 55, 28)]
    right = _dents("images/all/f{}.jpg", *boxes)
    read = imported_case(folder, "yolo")
    _all(read, right)
    _splits(read, train=[*right][:6], val=[*right][6:])


def labelme_folders_apart(folder: Path) -> None:
    boxes = [(26, 59, 34, 48), (15, 16, 41, 35), (5, 36, 30, 24), (41, 63, 27, 30), (96, 74, 47, 42)]
    read = imported_case(folder, "labelme")
    _all(read, _dents("images/a{}.jpg", *boxes))


def labelme_ignored_areas(folder: Path) -> None:
    boxes = [(52, 3, 47, 29), (107, 43, 51, 35), (75, 67, 54, 23), (81, 78, 47, 29), (81, 2, 49, 28), (52, 34, 34, 35)]
    boxes += [(14, 23, 54, 37), (91, 67, 60, 24)]
    read = imported_case(folder, "labelme")
    assert read.result["per_class"] == {"dent": 8}, "the two names are no classes"
    assert len(read.objects) == 8
    account_must_add_up(read.result)
    # The hole leaves a rim of six pixels.
    rims = [w * h - (w - 12) * (h - 12) for _, _, w, h in boxes]
    pixels = [read.masks[f"g{number}.jpg"][0][1] for number in range(8)]
    if pixels != [pytest.approx(rim, rel=0.08) for rim in rims]:
        assert pixels == [pytest.approx(w * h, rel=0.08) for _, _, w, h in boxes]
        read.says("hole")
    assert read.crowds in (0, 8), "an area that is not to be looked at is a crowd, or is left"
    read.says("__ignore__")


def labelme_rectangles_of_four_points(folder: Path) -> None:
    boxes = [
        (82, 58, 40, 31),
        (74, 71, 36, 41),
        (44, 69, 49, 25),
        (74, 43, 34, 37),
        (100, 48, 28, 26),
        (75, 57, 35, 48),
    ]
    right = {name: [*dent, ("scratch", 2, 2, 18, 7)] for name, dent in _dents("r{}.jpg", *boxes).items()}
    read = imported_case(folder, "labelme")
    left = [name for name in ("r4.jpg", "r5.jpg") if len(read.objects[name]) == 1]
    must_be(read, right | {name: right[name][1:] for name in left}, may_leave=frozenset())
    if left:
        read.says("rotation")


def labelme_renamed(folder: Path) -> None:
    scratches = [(49, 19, 36, 25), (25, 35, 37, 31), (99, 53, 50, 44), (76, 31, 25, 21)]
    dents = [(55, 29, 43, 35), (51, 71, 48, 40), (64, 40, 45, 44), (101, 64, 25, 22)]
    right = {f"000{2 * row + 1}.jpg": [("scratch", *box)] for row, box in enumerate(scratches)}
    right |= {f"000{2 * row + 2}.jpg": [("dent", *box)] for row, box in enumerate(dents)}
    read = imported_case(folder, "labelme")
    must_be(read, right, may_leave=frozenset(right) - {"0001.jpg"})
    read.says("pairing_contradicts")
    objects_must_be_seen(read)


def masks_as_jpeg(folder: Path) -> None:
    read = imported_case(folder, "png_masks", {0: "dent"})
    if not read.refused:
        found = {name: pixels for name, masks in read.masks.items() for _, pixels in masks}
        right = {f"i{n}/images/i{n}.png": pixels for n, pixels in enumerate((2236, 657, 1176, 630, 1806))}
        assert found.keys() <= right.keys()
        assert found == {name: pytest.approx(right[name], rel=0.03) for name in found}
        assert all(read.masks.values()), "none of the images is empty"
        account_must_add_up(read.result)
        objects_must_be_seen(read)
    read.says("jpe?g|lossy")


def masks_one_file_per_image(folder: Path) -> None:
    read = imported_case(folder, "png_masks", {0: "dent"})
    if read.refused:
        read.says("images/", "masks/", "one mask")
        return
    areas = {f"images/i{n}.png": pixels for n, pixels in enumerate((2632, 2150, 952, 1500, 1457))}
    assert {name: sum(pixels for _, pixels in masks) for name, masks in read.masks.items()} == areas
    account_must_add_up(read.result)
    objects_must_be_seen(read)


def coco_layout_of_roboflow(folder: Path) -> None:
    read = imported_case(folder, "coco")
    folders = {"train": ("train", 10), "valid": ("val", 3), "test": ("test", 3)}
    names = {split: [f"{place}/p0{n}.jpg" for n in range(count)] for place, (split, count) in folders.items()}
    assert sorted(read.objects) == sorted(name for listed in names.values() for name in listed)
    assert all([found[0] for found in objects] == ["dent", "scratch"] for objects in read.objects.values())
    assert read.objects["test/p00.jpg"] == [("dent", 124, 50, 30, 33), ("scratch", 67, 4, 46, 47)]
    assert read.objects["train/p00.jpg"] == [("dent", 57, 74, 44, 30), ("scratch", 38, 52, 51, 31)]
    assert read.objects["valid/p00.jpg"] == [("dent", 100, 88, 46, 24), ("scratch", 119, 31, 31, 38)]
    assert all(len(masks) == 2 for masks in read.masks.values())
    account_must_add_up(read.result)
    _splits(read, **names)


#: By the name of the folder.
RIGHT_OF_IMPORTS: Mapping[str, Callable[[Path], None]] = {
    check.__name__: check
    for check in (
        voc_same_names_in_folders,
        voc_corners_swapped,
        voc_lists_with_suffix,
        voc_polygons_and_boxes,
        yolo_byte_order_mark,
        yolo_capital_folders,
        yolo_confidence_column,
        yolo_label_names_encoded,
        yolo_one_label_two_images,
        yolo_yaml_lists_images,
        labelme_folders_apart,
        labelme_ignored_areas,
        labelme_rectangles_of_four_points,
        labelme_renamed,
        masks_as_jpeg,
        masks_one_file_per_image,
        coco_layout_of_roboflow,
    )
}
