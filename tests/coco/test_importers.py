"""Formats of others: what they hold arrives whole, what stays out is counted, nothing hostile gets through."""

import base64
import csv
import io
import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from gsam_edge.coco import DatasetError
from gsam_edge.coco.importers import FORMATS, ImportConfig, import_annotations
from gsam_edge.vision.images import ImageError, MissingImageError
from gsam_edge.vision.masks import decode_segmentation

SIZE = (40, 50)


class Files:
    """Files in memory; images are of 40 x 50 pixels (height x width) unless their size is given."""

    def __init__(self, contents, sizes=None):
        self.contents = {name: c.encode() if isinstance(c, str) else c for name, c in contents.items()}
        self.sizes = sizes or {}

    def names(self):
        return sorted(self.contents)

    def image_names(self):
        return [name for name in self.names() if name.endswith((".png", ".jpg"))]

    def read(self, name):
        return self.contents[name]

    def image_size(self, name):
        if name not in self.contents:
            raise MissingImageError(f"no file {name}")
        if self.contents[name] == b"broken":
            raise ImageError("no image")
        return self.sizes.get(name, SIZE)


def imported(format_name, contents, class_names=None, sizes=None):
    config = ImportConfig(class_names=class_names or {})
    result = import_annotations(Files(contents, sizes), format_name, config)
    assert json.loads(json.dumps(result.content)) == result.content
    assert json.loads(json.dumps(result.report)) == result.report
    return result


def skipped(result):
    return {entry["code"]: entry["count"] for entry in result.report["skipped"]}


def png(mask):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(mask, np.uint8) * 255).save(buffer, "PNG")
    return buffer.getvalue()


VOC = """<annotation><filename>{name}</filename><size><width>50</width><height>40</height><depth>3</depth></size>
{objects}</annotation>"""
OBJECT = """<object><name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>3</ymin><xmax>10</xmax><ymax>12.5</ymax></bndbox>{more}</object>"""


def test_voc_counts_pixels_from_1_and_keeps_its_flags():
    result = imported(
        "voc",
        {
            "Annotations/a.xml": VOC.format(name="a.jpg", objects=OBJECT.format(more="<part><name>head</name></part>")),
            "Annotations/b.xml": VOC.format(name="elsewhere.jpg", objects=""),
            "JPEGImages/a.jpg": "",
            "JPEGImages/b.jpg": "",
            "JPEGImages/c.jpg": "",
            "SegmentationObject/a.png": "",
            "ImageSets/Main/train.txt": "a\n",
            "ImageSets/Main/val.txt": "b 1\n",
            "ImageSets/Main/trainval.txt": "a\nb\n",
        },
    )
    assert [(i["file_name"], i["split"]) for i in result.content["images"]] == [
        ("JPEGImages/a.jpg", "train"),
        ("JPEGImages/b.jpg", "val"),
    ]
    assert result.content["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "bbox": [0, 2, 10, 10.5]}
        | {"pose": "Left", "truncated": 1, "difficult": 0}
    ]
    assert result.report["splits"] == {"train": 1, "val": 1}
    assert skipped(result) == {"part_of_object": 1, "image_not_annotated": 1, "segmentation_image": 1}


def test_a_photo_named_without_suffix_is_not_its_segmentation_image():
    names = ("x", "nowhere.jpg", "")
    for name in names:
        xml = VOC.format(name=name, objects=OBJECT.format(more=""))
        result = imported("voc", {"Annotations/x.xml": xml, "JPEGImages/x.jpg": "", "SegmentationObject/x.png": ""})
        assert result.image_names == ["JPEGImages/x.jpg"]
        assert skipped(result) == {"segmentation_image": 1}


def test_of_equal_names_the_photo_of_the_same_folder_is_taken():
    xml = VOC.format(name="x.jpg", objects=OBJECT.format(more=""))
    files = {"a/k/v/x.xml": xml, "a/x.jpg": "", "b/k/v/x.jpg": ""}
    assert imported("voc", files).image_names == ["a/x.jpg"]


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        ("<annotation>", "file_unreadable"),
        ("<html/>", "file_unreadable"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>', "file_unreadable"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "file_unreadable"),
        (VOC.format(name="../../etc/passwd", objects=OBJECT.format(more="")), "image_missing"),
        (VOC.format(name="broken.jpg", objects=OBJECT.format(more="")), "image_missing"),
        (VOC.format(name="a.jpg", objects=""), "image_annotated_twice"),
        (VOC.format(name="b.jpg", objects="<object><name>x</name></object>"), "object_malformed"),
        (VOC.format(name="b.jpg", objects=OBJECT.format(more="").replace("dog", " ")), "object_malformed"),
        (VOC.format(name="b.jpg", objects=OBJECT.format(more="").replace("<xmin>1", "<xmin>nan")), "object_malformed"),
    ],
)
def test_what_voc_cannot_give_is_counted(xml, code):
    sound = VOC.format(name="a.jpg", objects=OBJECT.format(more=""))
    result = imported("voc", {"a.xml": sound, "z.xml": xml, "a.jpg": "", "b.jpg": "", "broken.jpg": "broken"})
    assert code in skipped(result)
    assert len(result.content["annotations"]) == 1


def test_voc_of_bccd_is_its_coco_file(real):
    """The original XML files of a dataset whose COCO file was made by others."""
    content, files = real("bccd")
    folder = files.folder / "BCCD"
    names = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.suffix in (".xml", ".txt")}
    names |= {str(p.relative_to(folder)): b"" for p in folder.glob("JPEGImages/*.jpg")}
    result = imported("voc", names, sizes=dict.fromkeys(names, (480, 640)))

    def by_name(value, prefix):
        classes = {c["id"]: c["name"] for c in value["categories"]}
        images = {i["id"]: (i["file_name"].removeprefix(prefix), i["height"], i["width"]) for i in value["images"]}
        return sorted((*images[r["image_id"]], classes[r["category_id"]], *r["bbox"]) for r in value["annotations"])

    assert by_name(result.content, "") == by_name(content, "BCCD/")
    assert (result.report["images"], result.report["annotations"]) == (364, 4888)
    assert result.report["splits"] == {"train": 205, "val": 87, "test": 72}
    assert {"truncated", "difficult", "pose"} <= result.content["annotations"][0].keys()


YAML = "path: ../data\ntrain: images/train\nval: images/val\nnames: {0: bag, 3: wire}\n"


def test_yolo_boxes_and_polygons():
    result = imported(
        "yolo",
        {
            "data.yaml": YAML,
            "images/train/a.jpg": "",
            "labels/train/a.txt": "0 0.5 0.5 0.2 0.1\n\n3 0 0 1 0 1 0.5\n",
            "images/val/b.jpg": "",
            "labels/val/b.txt": "",
            "images/val/c.jpg": "",
        },
    )
    assert [i["split"] for i in result.content["images"]] == ["train", "val", "val"]
    box, polygon = result.content["annotations"]
    assert box["bbox"] == pytest.approx([20, 18, 10, 4])
    assert polygon["segmentation"] == [[0, 0, 50, 0, 50, 20]]
    assert "bbox" not in polygon
    assert [c["name"] for c in result.content["categories"]] == ["bag", "wire"]
    assert (result.report["boxes"], result.report["masks"]) == (1, 1)
    assert skipped(result) == {}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("1 0.5 0.5 0.2 0.1", "class_unknown"),
        ("0.5 0.5 0.5 0.2 0.1", "class_unknown"),
        ("0 0.5 0.5 0.2", "object_malformed"),
        ("0 0.5 0.5 0.2 0.1 0.9", "object_malformed"),
        ("0 0.5 0.5 nan 0.1", "object_malformed"),
        ("0 0.5 0.5 1e999 0.1", "object_malformed"),
        ("bag 0.5 0.5 0.2 0.1", "object_malformed"),
        ("0", "object_malformed"),
    ],
)
def test_lines_that_yolo_does_not_know(line, code):
    result = imported("yolo", {"data.yaml": YAML, "a.jpg": "", "a.txt": f"{line}\n0 0.5 0.5 0.2 0.1"})
    assert skipped(result)[code] == 1
    assert len(result.content["annotations"]) == 1


def test_yolo_finds_the_names_of_its_classes():
    files = {"a.jpg": "", "a.txt": "1 0.5 0.5 0.2 0.1"}
    assert imported("yolo", files | {"classes.txt": "bag\nwire\n"}).report["per_class"] == {"bag": 0, "wire": 1}
    assert imported("yolo", files, {1: "seal"}).report["per_class"] == {"seal": 1}
    listed = {"data.yaml": "train: train.txt\nnames: [bag, wire]", "train.txt": "./data/a.jpg\n"}
    assert imported("yolo", files | listed).report["per_class"] == {"bag": 0, "wire": 1}
    with pytest.raises(DatasetError, match=r"expected class names in data.yaml"):
        imported("yolo", files)
    with pytest.raises(DatasetError, match=r"data.yaml: expected a YAML file"):
        imported("yolo", files | {"data.yaml": "names: !!python/object/apply:os.system ['true']"})


def test_labels_of_no_image_are_counted():
    files = {"data.yaml": YAML, "images/a.jpg": "", "labels/a.txt": "0 .5 .5 .1 .1", "labels/classes.txt": "bag"}
    lost = {"labels/gone.txt": "0 .5 .5 .1 .1\n" * 5, "images/z.heic": "", "images/z.txt": "3 0 0 1 0 1 1\n"}
    result = imported("yolo", files | lost | {"README.txt": "made in 2024", "train.txt": "images/a.jpg"})
    assert skipped(result) == {"image_missing": 2}
    assert result.report["skipped"][0]["examples"] == [
        {"where": "images/z.txt", "detail": "no image for its 1 objects"},
        {"where": "labels/gone.txt", "detail": "no image for its 5 objects"},
    ]


def test_of_a_pose_the_box_is_taken_over():
    files = {"data.yaml": f"{YAML}kpt_shape: [2, 3]", "a.jpg": "", "a.txt": "0 .5 .5 .2 .1 0 0 2 1 1 2\n0 .5 .5 1 1"}
    result = imported("yolo", files)
    assert [record["bbox"] for record in result.content["annotations"]] == [
        pytest.approx([20, 18, 10, 4]),
        [0, 0, 50, 40],
    ]
    assert (result.report["masks"], skipped(result)) == (0, {"key_points": 1})


@pytest.mark.parametrize(
    "bad",
    [
        "a: &a {x: 1}\nnames: [*a]",
        "base: &b {0: bag}\nnames: {<<: *b}",
        'names: ["\\ud800"]',
        'names: [""]',
        "names: {-1: bag}",
        "names: {0: bag, 00: wire}",
        "[" * 100_000,
    ],
)
def test_a_data_yaml_that_is_refused(bad):
    with pytest.raises(DatasetError, match=r"data.yaml: expected"):
        imported("yolo", {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1", "data.yaml": bad})


def test_class_names_are_words_and_of_one_file():
    files = {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1\n1 .5 .5 .1 .1"}
    result = imported("yolo", files | {"data.yaml": "names: [no, 1.10]", "another.yaml": "{"})
    assert (result.report["per_class"], skipped(result)) == ({"no": 1, "1.10": 1}, {})
    result = imported("yolo", files | {"bad.yaml": "{", "mine.yaml": "names: {0: yes, 1: on}"})
    assert (result.report["per_class"], skipped(result)) == ({"yes": 1, "on": 1}, {"file_unreadable": 1})


def test_classes_of_one_name_are_merged_and_counted():
    files = {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1\n2 .5 .5 .1 .1", "data.yaml": "names: [bag, wire, bag]"}
    result = imported("yolo", files)
    assert (result.report["per_class"], skipped(result)) == ({"bag": 2, "wire": 0}, {"class_same_name": 1})


def shape(kind, points, **more):
    return {"label": "bag", "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def labelme(*shapes, **more):
    return json.dumps(
        {"imagePath": "a.jpg", "imageHeight": 40, "imageWidth": 50, "shapes": shapes, "imageData": None} | more
    )


def test_labelme_shapes():
    mask = np.zeros((4, 6), bool)
    mask[1:3, 2:] = True
    result = imported(
        "labelme",
        {
            "a.jpg": "",
            "b.jpg": "",
            "a.json": labelme(
                shape("polygon", [[0, 0], [9, 0], [9, 9]], flags={"worn": True}, description="seam"),
                shape("rectangle", [[20, 30], [10, 5]]),
                shape("circle", [[25, 20], [25, 30]]),
                shape("mask", [[45, 10], [50, 13]], mask=base64.b64encode(png(mask)).decode()),
                shape("polygon", [[0, 0], [1, 0], [1, 1]], group_id=0),
                shape("polygon", [[5, 5], [6, 5], [6, 6]], group_id=0),
                shape("line", [[0, 0], [1, 1]]),
                shape("point", [[0, 0]]),
            ),
        },
    )
    polygon, box, circle, drawn, parts = result.content["annotations"]
    assert polygon["segmentation"] == [[0, 0, 9, 0, 9, 9]]
    assert (polygon["flags"], polygon["description"]) == ({"worn": True}, "seam")
    assert box["bbox"] == [10, 5, 10, 25]
    assert "segmentation" not in box
    assert decode_segmentation(circle["segmentation"], SIZE).sum() == pytest.approx(np.pi * 100, rel=0.02)
    whole = np.zeros(SIZE, bool)
    whole[11:13, 47:] = True  # what leaves the image is cut off
    np.testing.assert_array_equal(decode_segmentation(drawn["segmentation"], SIZE), whole)
    assert (len(parts["segmentation"]), parts["group_id"]) == (2, 0)
    assert skipped(result) == {"shape_without_area": 2, "image_not_annotated": 1}


TRIANGLE = [[0, 0], [1, 1], [2, 0]]
WHOLE = base64.b64encode(png(np.ones((2, 2)))).decode()
HUGE = {"imageHeight": 10**9, "imageWidth": 10**9}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "file_unreadable"),
        ("[" * 100_000, "file_unreadable"),
        ("[]", "file_unreadable"),
        (labelme(shape("polygon", [[0, 0], [1, 1], [2, 0]]), imagePath="../../secret.jpg"), "image_missing"),
        (labelme(shape("polygon", [[0, 0], [1, 1]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("polygon", [[0, 0], [1, float("inf")], [2, 0]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[0, 0], [1, 1]], mask="%%"), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[0, 0], [1, 1]], mask="AAAA"), imagePath="b.jpg"), "object_malformed"),
        (labelme({"points": []}, 7, imagePath="b.jpg"), "object_malformed"),
        (labelme(shape([], [[0, 0], [1, 1], [2, 0]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape({}, [[0, 0], [1, 1]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[1e300, 0], [1e300, 1]], mask=WHOLE), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("circle", [[1e308, 0], [-1e308, 1]]), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("polygon", TRIANGLE, label="\ud800"), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("polygon", TRIANGLE, flags={"\ud800": 1}), imagePath="b.jpg"), "object_malformed"),
        (labelme(shape("mask", [[0, 0], [1, 1]], mask=WHOLE), imagePath="b.jpg", **HUGE), "object_malformed"),
    ],
)
def test_what_labelme_cannot_give_is_counted(document, code):
    sound = labelme(shape("rectangle", [[0, 0], [5, 5]]))
    result = imported("labelme", {"a.json": sound, "x.json": document, "a.jpg": "", "b.jpg": ""})
    assert code in skipped(result)
    assert len(result.content["annotations"]) == 1


def test_labelme_finds_images_beside_and_above():
    document = labelme(shape("rectangle", [[0, 0], [5, 5]]), imagePath="..\\pictures\\a.jpg")
    assert imported("labelme", {"labels/x.json": document, "pictures/a.jpg": ""}).image_names == ["pictures/a.jpg"]


def test_a_long_path_and_many_files_take_no_time():
    many = {f"{n}.json": labelme(shape("rectangle", [[0, 0], [5, 5]]), imagePath="no.jpg") for n in range(2000)}
    sound = labelme(shape("rectangle", [[0, 0], [5, 5]]), imagePath="a/" * 100_000 + "../" * 100_000 + "0.jpg")
    images = {f"{n}.jpg": "" for n in range(2000)}
    start = time.perf_counter()
    assert imported("labelme", many | images | {"0.json": sound}).report["images"] == 2000
    assert time.perf_counter() - start < 3


def test_names_that_are_no_utf8_are_counted():
    sound, odd = "0 .5 .5 .1 .1", "\udcff"
    files = {"data.yaml": YAML, "a.jpg": "", "a.txt": sound, f"{odd}.jpg": "", f"{odd}.txt": sound}
    result = imported("yolo", files | {f"gone{odd}.txt": sound})
    assert (result.image_names, skipped(result)) == (["a.jpg"], {"name_not_utf8": 1, "image_missing": 1})
    assert result.report["skipped"][1]["examples"][0]["where"] == r"gone\udcff.txt"
    assert json.dumps(result.report, ensure_ascii=False).encode()


def test_one_png_per_object():
    masks = np.zeros((2, *SIZE), bool)
    masks[0, :3, :4], masks[1, 30:, 40:] = True, True
    result = imported(
        "png_masks",
        {
            "t/1/images/a.png": "", "t/1/masks/x.png": png(masks[0]), "t/1/masks/y.png": png(masks[1]),
            "t/1/masks/z.png": png(masks[0][:5]), "t/1/masks/w.png": b"no image", "t/2/images/b.png": "",
            "t/1/masks/more/v.png": "", "t/c.png": "",
        },
        {0: "nucleus"},
    )  # fmt: skip
    assert result.report["per_class"] == {"nucleus": 2}
    for record, mask in zip(result.content["annotations"], masks, strict=True):
        np.testing.assert_array_equal(decode_segmentation(record["segmentation"], SIZE), mask)
    assert skipped(result) == {"mask_malformed": 2, "image_not_annotated": 1, "image_elsewhere": 2}


def as_severstal(mask):
    """Pairs of first pixel, from 1, and length, down the columns."""
    flat = np.concatenate([[0], mask.T.ravel(), [0]]).astype(int)
    edges = np.flatnonzero(np.diff(flat))
    return " ".join(f"{start + 1} {end - start}" for start, end in edges.reshape(-1, 2))


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99))
def test_severstal_runs_are_the_mask(seed, density):
    mask = np.random.default_rng(seed).random(SIZE) < density
    mask[0, 0] = True
    rows = f"ImageId,ClassId,EncodedPixels\na.jpg,3,{as_severstal(mask)}\nb.jpg,3,\n"
    result = imported("severstal", {"train.csv": rows, "train_images/a.jpg": "", "b.jpg": ""}, {3: "scratch"})
    np.testing.assert_array_equal(decode_segmentation(result.content["annotations"][0]["segmentation"], SIZE), mask)
    assert result.image_names == ["train_images/a.jpg", "b.jpg"]
    assert result.report["per_class"] == {"scratch": 1}


@pytest.mark.parametrize("pixels", ["1", "0 5", "1 0", "2000 2", "1 x", "-3 2", "9999999999999999999 1"])
def test_damaged_runs_are_counted(pixels):
    rows = f"ImageId,ClassId,EncodedPixels\na.jpg,1,{pixels}\na.jpg,1,1 5\nz.jpg,1,1 5\n"
    result = imported("severstal", {"train.csv": rows, "a.jpg": ""})
    assert skipped(result) == {"mask_malformed": 1, "image_missing": 1}


def test_class_numbers_that_pandas_wrote_as_floats():
    rows = "ImageId,ClassId,EncodedPixels\na.jpg,1.0,1 5\na.jpg,2.0,1 5\na.jpg,dent,1 5\n"
    result = imported("severstal", {"train.csv": rows, "a.jpg": ""}, {1: "scratch"})
    assert result.report["per_class"] == {"scratch": 1, "2": 1, "dent": 1}


def test_the_first_edition_of_severstal():
    rows = "ImageId_ClassId,EncodedPixels\na_b.jpg_1,1 5\na_b.jpg_2,\n"
    assert imported("severstal", {"train.csv": rows, "a_b.jpg": ""}).report["per_class"] == {"1": 1}
    with pytest.raises(DatasetError, match="expected one CSV file with the columns ImageId, ClassId, EncodedPixels"):
        imported("severstal", {"a.csv": "x,y\n", "a.jpg": ""})


def test_severstal_style_gives_the_masks_of_wagon_seals(real):
    content, files = real("wagon_seals")
    table = files.folder.parent / "severstal_style" / "train.csv"
    if not table.is_file():
        pytest.skip(f"the shared dataset severstal_style is not here: no file {table}")
    names = {image["file_name"]: b"" for image in content["images"]}
    sizes = {image["file_name"]: (image["height"], image["width"]) for image in content["images"]}
    result = imported("severstal", {"train.csv": table.read_bytes(), **names}, {1: "gunny_bag", 2: "wire"}, sizes)
    image_ids = {image["file_name"]: image["id"] for image in content["images"]}
    codes = {}
    for record in content["annotations"]:
        codes.setdefault((record["image_id"], record["category_id"]), []).extend(record["segmentation"])
    csv.field_size_limit(1 << 26)
    assert len(result.content["annotations"]) == len(codes)
    file_names = {image["id"]: image["file_name"] for image in result.content["images"]}
    for record in result.content["annotations"]:
        name = file_names[record["image_id"]]
        polygons = codes[image_ids[name], record["category_id"]]
        expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *sizes[name])))
        np.testing.assert_array_equal(decode_segmentation(record["segmentation"], sizes[name]), expected)


@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_to_import_is_an_error(format_name):
    with pytest.raises(DatasetError, match="expected"):
        imported(format_name, {"a.jpg": "", "classes.txt": "bag", "train.csv": "ImageId,ClassId,EncodedPixels\n"})


def test_an_unknown_format_is_an_error():
    with pytest.raises(DatasetError, match=r"expected format to be one of voc, yolo, .*got 'coco'"):
        imported("coco", {})


SOUND = {
    "voc": ("a.xml", VOC.format(name="a.jpg", objects=2 * OBJECT.format(more=""))),
    "yolo": ("data.yaml", YAML + "test: [a.txt]\n"),
    "labelme": ("a.json", labelme(shape("circle", [[5, 5], [9, 9]]), shape("mask", [[0, 0], [3, 3]], mask="iVBORw0K"))),
    "png_masks": ("1/masks/a.png", png(np.eye(40, 50))),
    "severstal": ("train.csv", "ImageId,ClassId,EncodedPixels\na.jpg,1,1 5 9 3\na.jpg,2,\n"),
}


@pytest.mark.parametrize("format_name", SOUND)
@given(st.data())
@settings(max_examples=120)
def test_damaged_files_end_in_a_report_or_a_message(format_name, data):
    """Bytes are replaced, cut out and doubled."""
    name, content = SOUND[format_name]
    content = bytearray(content.encode() if isinstance(content, str) else content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        end = min(len(content), at + data.draw(st.integers(0, 8)))
        content[at:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b"-", b"1e999", b"null", b"[", b"9" * 30]))
    files = {"a.jpg": "", "a.txt": "0 .5 .5 .1 .1\n3 0 0 1 0 1 1", "1/images/a.png": "", name: bytes(content)}
    try:
        result = imported(format_name, files)
    except DatasetError:
        return
    assert result.report["annotations"] == len(result.content["annotations"]) > 0
