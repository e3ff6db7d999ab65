"""Pascal VOC: XML files beside images."""

import pytest

from support.importers import OBJECT, VOC, imported, skipped


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
        (VOC.format(name="broken.jpg", objects=OBJECT.format(more="")), "image_unreadable"),
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
