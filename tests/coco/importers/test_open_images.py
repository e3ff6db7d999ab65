"""Open Images: CSV files of boxes, as shares of the image, and of masks in PNGs."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, Files, ImportConfig, accounted, imported, noted, png, skipped
from support.worlds import CLASSES, imported_world, said, worlds

HEIGHT, WIDTH = SIZE
COLUMNS = ("ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax", "IsOccluded", "IsGroupOf")
MASK_COLUMNS = ("MaskPath", "ImageID", "LabelName", "BoxID", "BoxXMin", "BoxXMax", "BoxYMin", "BoxYMax", "PredictedIoU")
NAMES = "/m/0a,bag\n/m/0b,wire\n/m/0c,unused\n"
BOXES, MASKS = "annotations/oidv6-train-annotations-bbox.csv", "annotations/train-annotations-object-segmentation.csv"


def row(image="a", label="/m/0a", box=(0.1, 0.5, 0.2, 0.6), occluded=0, group=0, source="xclick", confidence=1):
    return (image, source, label, confidence, *box, occluded, group)


def mask_row(image="a", label="/m/0a", path="m.png", box=(0.1, 0.5, 0.2, 0.6)):
    return (path, image, label, "b1", *box, "")


def table(*rows, columns=COLUMNS):
    content = io.StringIO()
    csv.writer(content).writerows([columns, *rows])
    return content.getvalue()


def tree(*rows, masks=(), images=("a",), **more):
    files = {"annotations/class-descriptions-boxable.csv": NAMES, BOXES: table(*rows)}
    if masks:
        files[MASKS] = table(*masks, columns=MASK_COLUMNS)
    return files | {f"images/train/{image}.jpg": "" for image in images} | more


def with_mask(*rows, mask, size=SIZE, **more):
    return {**tree(*rows, **more), "masks/m.png": png(mask)}, {"masks/m.png": size}


def imported_masks(contents, sizes):
    from gsam_edge.coco.importers import import_annotations

    return import_annotations(
        Files(contents, sizes), "open_images", ImportConfig(class_names={}, labels_lost="drop", unlisted_images="empty")
    )


def test_boxes_are_shares_and_groups_are_crowds():
    rows = [row(), row(label="/m/0b", group=1, occluded=1), row(label="/m/0b", box=(0.5, 0.1, 0.6, 0.2))]
    result = imported("open_images", tree(*rows))
    box, crowd, backwards = result.content["annotations"]
    assert box["bbox"] == pytest.approx([5, 8, 20, 16])
    assert "attributes" not in box
    assert (crowd["iscrowd"], crowd["attributes"]) == (1, {"IsOccluded": "1"})
    assert backwards["bbox"] == pytest.approx([5, 8, 20, 16])
    assert [category["name"] for category in result.content["categories"]] == ["bag", "wire"]
    assert result.report["crowds"] == 1
    assert (noted(result), skipped(result)) == ({"corners_sorted": 1}, {})


def test_a_mask_joins_its_box_and_is_no_image():
    mask = np.zeros(SIZE, bool)
    mask[8:24, 5:25] = True
    files, sizes = with_mask(row(), row(box=(0.6, 0.9, 0.2, 0.6)), masks=[mask_row()], mask=mask)
    result = imported_masks(files, sizes)
    first, second = result.content["annotations"]
    np.testing.assert_array_equal(decode_segmentation(first["segmentation"], SIZE), mask)
    assert first["bbox"] == pytest.approx([5, 8, 20, 16])
    assert "segmentation" not in second
    assert result.image_names == ["images/train/a.jpg"]
    assert (noted(result), skipped(result)) == ({"parts_joined": 1}, {})


def test_a_mask_may_have_the_name_of_its_image():
    files = {**tree(row(), masks=[mask_row(path="a.jpg")]), "masks/train/a.jpg": png(np.ones(SIZE))}
    result = imported_masks(files, {})
    assert result.image_names == ["images/train/a.jpg"]
    assert result.report["masks"] == 1


@pytest.mark.parametrize("rows", [[row(box=(0.3, 0.5, 0.2, 0.6))], [row(), row()], [row(label="/m/0b")]])
def test_a_mask_without_one_box_of_its_own_is_an_object(rows):
    files, sizes = with_mask(*rows, masks=[mask_row()], mask=np.ones(SIZE, bool))
    result = imported_masks(files, sizes)
    assert ["segmentation" in record for record in result.content["annotations"]] == [False] * len(rows) + [True]


def test_smaller_masks_are_stretched_and_others_are_not():
    """The published masks are smaller than their images, in the same proportion."""
    half = np.zeros((20, 25), bool)
    half[:10] = True
    files, sizes = with_mask(row(), masks=[mask_row()], mask=half, size=(20, 25))
    result = imported_masks(files, sizes)
    found = decode_segmentation(result.content["annotations"][0]["segmentation"], SIZE)
    np.testing.assert_array_equal(found, np.kron(half, np.ones((2, 2), bool)))
    assert "mask_resized" in noted(result)
    files, sizes = with_mask(row(), masks=[mask_row()], mask=np.ones((20, 40), bool), size=(20, 40))
    assert skipped(imported_masks(files, sizes)) == {"mask_malformed": 1}


def test_files_of_splits_find_the_images_of_their_split():
    files = {
        BOXES: table(row(label="bag"), row("b", label="bag")),
        "annotations/validation-annotations-bbox.csv": table(row(label="wire")),
        **dict.fromkeys(["images/train/a.jpg", "images/train/b.jpg", "images/validation/a.jpg"], ""),
    }
    result = imported("open_images", files)
    assert result.report["splits"] == {"train": 2, "val": 1}
    assert result.report["per_class"] == {"bag": 2, "wire": 1}
    del files["images/train/a.jpg"]  # its label must not land on the image of the other split
    result = imported("open_images", files)
    assert accounted(result)["objects"] == (3, 2, {"image_missing": 1})
    assert sorted(result.image_names) == ["images/train/b.jpg", "images/validation/a.jpg"]


def test_boxes_and_masks_of_one_image_may_lie_in_files_of_other_names():
    files, sizes = with_mask(row(), masks=[mask_row()], mask=np.ones(SIZE, bool))
    files["boxes.csv"] = files.pop(BOXES)
    assert len(imported_masks(files, sizes).content["annotations"]) == 1


def test_two_ids_for_one_image_give_it_to_neither():
    result = imported(
        "open_images", tree(row("A"), row("a "), row("b"), images=("a", "b")) | {"images/train/a.jpg": ""}
    )
    assert sorted(result.image_names) == ["images/train/b.jpg"]
    assert skipped(result) == {"pairing_ambiguous": 2, "labels_lost": 1}


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (row(box=("x", 0.5, 0.2, 0.6)), "object_malformed"),
        (row(box=("nan", 0.5, 0.2, 0.6)), "object_malformed"),
        (row(box=("", 0.5, 0.2, 0.6)), "object_malformed"),
        (row(label="/m/0zzz"), "class_unknown"),
        (row(label=""), "class_unknown"),
        (row(image="gone"), "image_missing"),
        (row(image=""), "image_missing"),
        (("a",), "class_unknown"),
    ],
)
def test_a_damaged_row_is_counted_and_the_others_are_taken(damage, code):
    result = imported("open_images", tree(row(), damage))
    assert skipped(result) == {code: 1}
    assert accounted(result)["objects"] == (2, 1, {code: 1})


@pytest.mark.parametrize("content", [b"", b"broken", png(np.ones((5, 5)))[:40]])
def test_masks_that_do_not_decode_are_counted(content):
    files = {**tree(row(), masks=[mask_row(), mask_row(path="gone.png"), mask_row(path="")]), "masks/m.png": content}
    result = imported_masks(files, {})
    assert skipped(result) == {"mask_malformed": 3}


def test_other_tables_are_named():
    files = tree(row()) | {
        "annotations/train-annotations-human-imagelabels.csv": "ImageID,Source,LabelName,Confidence\na,x,/m/0a,1\n",
        "annotations/image_ids_and_rotation.csv": "ImageID,Rotation\na,0\n",
        "annotations/long.csv": "ImageID," + "x" * (1 << 21),
        "annotations/latin.csv": b"ImageID,\xfc",
    }
    result = imported("open_images", files)
    assert skipped(result) == {"other_task": 1, "file_not_used": 1, "file_unreadable": 2}
    with pytest.raises(InvalidDatasetError, match="1 labels of whole images"):
        imported("open_images", {"a.csv": "ImageID,Source,LabelName,Confidence\na,x,/m/0a,1\n", "a.jpg": ""})


@given(worlds(), st.data())
@settings(max_examples=150)
def test_what_is_written_as_open_images_comes_back(world, data):
    """Boxes alone: an outline is a mask here. An image without boxes is in no file."""
    world = {name: [thing for thing in things if thing[1] == "bbox"] for name, things in world.items()}
    world = {f"{n}-{name.replace('/', '_')}": things for n, (name, things) in enumerate(world.items()) if things}
    if not world:
        return
    rows = []
    for name, things in world.items():
        stem = name.rpartition(".")[0]
        for label, _, (x, y, w, h) in things:
            shares = (x / WIDTH, (x + w) / WIDTH, y / HEIGHT, (y + h) / HEIGHT)
            rows.append(row(stem, f"/m/{CLASSES.index(label)}", shares))
    files = {
        "boxes.csv": table(*data.draw(st.permutations(rows))),
        "class-descriptions.csv": "".join(f"/m/{n},{name}\n" for n, name in enumerate(CLASSES)),
    }
    found, images, result = imported_world("open_images", files | dict.fromkeys(world, ""))
    assert found == said(world)
    assert images == sorted(world)
    assert result.report["skipped"] == []


@given(arrays.arrays(bool, SIZE, elements=st.booleans(), fill=st.booleans()), st.sampled_from(["L", "1", "P"]))
@settings(max_examples=40)
def test_masks_come_back_pixel_by_pixel(mask, mode):
    content = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).convert(mode).save(content, "PNG")
    files = {**tree(row(), masks=[mask_row()]), "masks/m.png": content.getvalue()}
    found = imported_masks(files, {}).content["annotations"][0]["segmentation"]
    np.testing.assert_array_equal(decode_segmentation(found, SIZE), mask)
