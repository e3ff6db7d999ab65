"""Pascal VOC in the trees that tools and people make: which image an XML file belongs to, and which lists are read."""

import pytest

from gsam_edge.coco import InvalidDatasetError
from support.importers import OBJECT, VOC, accounted, imported, noted, skipped

ONE = OBJECT.format(more="")


def classes_of(result):
    """Returns the classes of the objects of each image."""
    images = {image["id"]: image["file_name"] for image in result.content["images"]}
    classes = {category["id"]: category["name"] for category in result.content["categories"]}
    found = {name: [] for name in images.values()}
    for record in result.content["annotations"]:
        found[images[record["image_id"]]].append(classes[record["category_id"]])
    return found


def splits_of(result):
    return {image["file_name"]: image.get("split") for image in result.content["images"]}


def voc(name, class_name="dog"):
    return VOC.format(name=name, objects=ONE.replace("dog", class_name))


@pytest.mark.parametrize("inside", ["cam{}/0.jpg", "0.jpg", "C:\\data\\cam{}\\0.jpg", "", "0"])
def test_the_same_names_in_several_folders_stay_apart(inside):
    files = {}
    for cam in "123":
        files[f"Annotations/cam{cam}/0.xml"] = voc(inside.format(cam), f"class {cam}")
        files[f"JPEGImages/cam{cam}/0.jpg"] = ""
    result = imported("voc", files)
    assert classes_of(result) == {f"JPEGImages/cam{cam}/0.jpg": [f"class {cam}"] for cam in "123"}
    del files["JPEGImages/cam2/0.jpg"]
    result = imported("voc", files)
    assert classes_of(result) == {f"JPEGImages/cam{cam}/0.jpg": [f"class {cam}"] for cam in "13"}
    assert accounted(result)["objects"] == (3, 2, {"image_missing": 1})


def test_files_renamed_after_labelling_go_by_their_own_stem():
    files = {f"{n}.xml": voc(f"{n - 1}.jpg", f"class {n}") for n in range(1, 5)}
    result = imported("voc", files | {f"{n}.jpg": "" for n in range(1, 5)})
    assert classes_of(result) == {f"{n}.jpg": [f"class {n}"] for n in range(1, 5)}
    assert noted(result) == {"pairing_contradicts": 4}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<annotations><version>1.1</version></annotations>", "got <annotations>, as in CVAT's own XML"),
        ("<dataset/>", "got <dataset>, as in dlib's XML"),
        ("<annotation><object>".encode("utf-16"), "save as UTF-8"),
        (VOC.format(name="\xe4.jpg", objects=ONE).encode("latin-1"), "save as UTF-8"),
    ],
)
def test_xml_that_is_not_vocs_is_named_and_the_message_shows_the_layout(content, message):
    with pytest.raises(InvalidDatasetError) as caught:
        imported("voc", {"images/a.jpg": "", "images/b.jpg": "", "images/a.xml": content})
    assert message in str(caught.value)
    assert "the folder holds images/*.jpg (2), images/*.xml (1)" in str(caught.value)


def test_an_xml_of_another_encoding_that_says_so_is_read():
    text = "<?xml version='1.0' encoding='latin-1'?>" + voc("a.jpg", "K\xfchler")
    assert classes_of(imported("voc", {"a.jpg": "", "a.xml": text.encode("latin-1")})) == {"a.jpg": ["K\xfchler"]}


NAMES = ("a", "b", "c")
TREE = {f"JPEGImages/{n}.jpg": "" for n in NAMES} | {f"Annotations/{n}.xml": voc(f"{n}.jpg") for n in NAMES}
SPLITS = {"JPEGImages/a.jpg": "train", "JPEGImages/b.jpg": "train", "JPEGImages/c.jpg": "val"}


@pytest.mark.parametrize("folder", ["ImageSets/Main/", "imagesets/main/", "IMAGESETS/", "ImageSets/Segmentation/", ""])
@pytest.mark.parametrize(
    "form", ["{}", "{}.jpg", "JPEGImages/{}.jpg", "/data/VOC\\JPEGImages\\{}", "{}  1", "{}\t-1", "{} 0"]
)
def test_lists_name_their_images_in_many_forms(folder, form):
    lists = {f"{folder}train.txt": "\n".join(form.format(n) for n in "ab"), f"{folder}Val.txt": form.format("c")}
    result = imported("voc", TREE | lists)
    assert splits_of(result) == SPLITS
    assert skipped(result) == {}
    assert accounted(result)["entries of split lists"] == (3, 3, {})


def test_lists_name_images_in_folders():
    files = {f"VOC2012/Annotations/cam{c}/{n}.xml": voc(f"{n}.jpg") for c in "12" for n in "01"}
    files |= {f"VOC2012/JPEGImages/cam{c}/{n}.jpg": "" for c in "12" for n in "01"}
    lists = {
        "VOC2012/ImageSets/Main/train.txt": "cam1/0\ncam2\\0\ncam1/1",
        "VOC2012/ImageSets/Main/test.txt": "cam2/1",
    }
    result = imported("voc", files | lists)
    assert result.report["splits"] == {"train": 3, "test": 1}
    assert splits_of(result)["VOC2012/JPEGImages/cam2/1.jpg"] == "test"


def test_lists_of_a_class_count_where_there_is_none_for_all_classes():
    lists = {"ImageSets/Main/dog_train.txt": "a  1\nb -1\n", "ImageSets/Main/dog_val.txt": "c -1"}
    assert splits_of(imported("voc", TREE | lists)) == SPLITS
    lists |= {"ImageSets/Main/train.txt": "a\nc", "ImageSets/Main/val.txt": "b"}
    result = imported("voc", TREE | lists)
    assert [*splits_of(result).values()] == ["train", "val", "train"]
    assert skipped(result) == {"file_not_used": 2}


def test_what_lists_do_not_give_is_said():
    lists = {"ImageSets/Main/train.txt": "a\nb\ngone", "ImageSets/Main/val.txt": "c", "ImageSets/Action/val.txt": "c"}
    result = imported("voc", TREE | lists | {"ImageSets/Main/trainval.txt": "a\nd", "labelmap.txt": "dog:1,1,1::"})
    assert splits_of(result) == SPLITS
    assert skipped(result) == {"split_entry_unknown": 1, "file_not_used": 3}
    assert accounted(result)["entries of split lists"] == (4, 3, {"split_entry_unknown": 1})
    result = imported("voc", TREE | {"ImageSets/Main/train.txt": "a", "ImageSets/Main/val.txt": b"\xff"})
    assert skipped(result) == {"splits_incomplete": 1, "file_unreadable": 1}


def test_folders_name_the_splits_where_no_list_does():
    files = {f"{s}/{s}.xml": voc(f"{s}.jpg") for s in ("train", "valid", "test")}
    result = imported("voc", files | {f"{s}/{s}.jpg": "" for s in ("train", "valid", "test")})
    assert result.report["splits"] == {"test": 1, "train": 1, "val": 1}
    assert noted(result) == {"splits_by_folder": 1}
