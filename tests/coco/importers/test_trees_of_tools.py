"""Trees as label tools write them and as people leave them: imported whole, and copies and masks pass for nothing."""

import pytest

from gsam_edge.coco import InvalidDatasetError
from support.importers import OBJECT, VOC, imported, objects_per_image, skipped

LINE = "0 0.5 0.5 0.2 0.1\n"


def voc(name):
    return VOC.format(name=name, objects=OBJECT.format(more=""))


@pytest.mark.parametrize("named", ["{}.jpg", "{}", ""])
def test_masks_below_the_annotations_are_not_the_images(named):
    """The Oxford-IIIT Pet dataset: `xmls` and `trimaps` are no two halves where the images lie elsewhere."""
    files = {f"annotations/xmls/{n}.xml": voc(named.format(n)) for n in "ab"}
    files |= {f"annotations/trimaps/{n}.png": "" for n in "ab"} | {f"images/{n}.jpg": "" for n in "ab"}
    assert objects_per_image(imported("voc", files)) == {"images/a.jpg": 1, "images/b.jpg": 1}
    below = {f"pets/{name}": content for name, content in files.items()}
    assert objects_per_image(imported("voc", below)) == {"pets/images/a.jpg": 1, "pets/images/b.jpg": 1}


@pytest.mark.parametrize("masks", ["masks", "gt", "annotations", "labels"])
def test_labels_belong_to_the_images_and_not_to_masks_of_their_names(masks):
    files = {f"images/{n}.jpg": "" for n in "ab"} | {f"{masks}/{n}.png": "" for n in "ab"}
    for file, content in (("labels/{}.txt", LINE), ("labels/{}.xml", voc(""))):
        labels = {file.format(n): content for n in "ab"}
        result = imported("yolo" if content == LINE else "voc", files | labels | {"classes.txt": "bag"})
        assert {n: c for n, c in objects_per_image(result).items() if c} == {"images/a.jpg": 1, "images/b.jpg": 1}


@pytest.mark.parametrize("folder", ["labels_my-project_2024-01-01-12-00-00", "obj_train_data", "my labels"])
def test_labels_in_a_folder_below_their_images_are_found(folder):
    """Makesense's zip beside the images, and CVAT's export without images."""
    files = {f"{folder}/{n}.txt": LINE for n in "ab"} | {f"{n}.jpg": "" for n in "abc"} | {"classes.txt": "bag"}
    result = imported("yolo", files)
    assert objects_per_image(result) == {"a.jpg": 1, "b.jpg": 1, "c.jpg": 0}
    assert skipped(result) == {}


@pytest.mark.parametrize(("label", "image"), [("day 1/{}.txt", "{}.jpg"), ("labels/{}.txt", "images/cam2/{}.jpg")])
def test_labels_of_a_folder_that_is_gone_do_not_go_to_namesakes(label, image):
    """The images of `day 1` and of `cam1` were deleted: names alone, 0 and 1, say nothing."""
    files = {label.format(n): LINE for n in "01"} | {image.format(n): "" for n in "012"}
    with pytest.raises(InvalidDatasetError, match=r"2 x image_missing"):
        imported("yolo", files | {"classes.txt": "bag"})


ROBOFLOW = {
    "data.yaml": "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 1\nnames: ['bag']\n",
    "train/images/a_jpg.rf.1.jpg": "train a",
    "train/labels/a_jpg.rf.1.txt": LINE,
    "train/images/b_jpg.rf.2.jpg": "train b",
    "train/labels/b_jpg.rf.2.txt": "",
    "valid/images/c_jpg.rf.3.jpg": "valid c",
    "valid/labels/c_jpg.rf.3.txt": LINE,
    "test/images/d_jpg.rf.4.jpg": "test d",
    "test/labels/d_jpg.rf.4.txt": LINE,
}


@pytest.mark.parametrize("root", ["", "My Project.v1i.yolov8/", "a/b/"])
def test_roboflows_places_are_found_below_the_folder_of_data_yaml(root):
    result = imported("yolo", {f"{root}{name}": content for name, content in ROBOFLOW.items()})
    assert result.report["splits"] == {"test": 1, "train": 2, "val": 1}
    assert skipped(result) == {}
    two = {f"{cam}/{name}": content for cam in ("one", "two") for name, content in ROBOFLOW.items()}
    assert imported("yolo", two).report["splits"] == {"test": 2, "train": 4, "val": 2}


@pytest.mark.parametrize("folder", ["__MACOSX/{}/._{}", "{}/._{}", "{}/.ipynb_checkpoints/{}", "{}/@eaDir/{}"])
@pytest.mark.parametrize("format_name", ["yolo", "voc"])
def test_hidden_files_are_named_and_neither_images_nor_labels(folder, format_name):
    files = ROBOFLOW
    if format_name == "voc":
        files = {f"train/{n}.jpg": "" for n in "ab"} | {f"train/{n}.xml": voc(f"{n}.jpg") for n in "ab"}
    hidden = {}
    for name in files:
        head, _, base = name.rpartition("/")
        hidden[folder.format(head, base).replace("//", "/").lstrip("/")] = b"\x00\x05\x16\x07\xff"
    plain, result = imported(format_name, files), imported(format_name, files | hidden | {".DS_Store": b"\x00"})
    assert result.content == plain.content
    assert skipped(result) == {"file_hidden": len(hidden) + 1}
    assert imported(format_name, files | hidden, labels_lost="error").content == plain.content


PAIRS = {"classes.txt": "bag", "images/a.jpg": "a", "images/b.jpg": "b", "labels/a.txt": LINE, "labels/b.txt": ""}


@pytest.mark.parametrize(
    "copies",
    [
        {"thumbs/a.jpg": "small a", "thumbs/b.jpg": "small b"},
        {"images/thumbs/a.jpg": "small a"},
        {"images_resized/a.jpg": "small a"},
        {"images_png/a.png": "a"},
        {"masks/a.png": "mask of a"},
        {"images/a (1).jpg": "a", "images/a - Copy.jpg": "a", "images/a copy 2.jpg": "a"},
    ],
)
def test_a_copy_of_an_image_with_labels_does_not_pass_for_empty(copies):
    result = imported("yolo", PAIRS | copies)
    assert objects_per_image(result) == {"images/a.jpg": 1, "images/b.jpg": 0}
    assert skipped(result) == {"labels_lost": len(copies)}


def test_images_without_labels_beside_others_are_empty_as_yolo_defines_it():
    background = {"images/c.jpg": "c", "images/a (2).jpg": "not a", "backgrounds/d.jpg": "d"}
    result = imported("yolo", PAIRS | background)
    assert objects_per_image(result) == {"images/a.jpg": 1, "images/b.jpg": 0} | dict.fromkeys(background, 0)
    assert skipped(result) == {}


@pytest.mark.parametrize("named", [True, False])
def test_a_split_without_a_single_label_file_is_not_a_split_of_empty_images(named):
    files = {name: content for name, content in ROBOFLOW.items() if not name.startswith("test/labels")}
    if not named:
        files["data.yaml"] = "names: [bag]"
    result = imported("yolo", files)
    assert result.report["splits"] == {"train": 2, "val": 1}
    assert skipped(result)["labels_lost"] == 1


def test_an_image_that_no_list_names_and_that_has_no_labels_is_left_out():
    stray = {"labels.jpg": "a plot", "runs/exp/train_batch0.jpg": "a mosaic"}
    result = imported("yolo", ROBOFLOW | stray)
    assert result.report["splits"] == {"test": 1, "train": 2, "val": 1}
    assert skipped(result) == {"labels_lost": 2}


def test_class_names_of_roboflows_darknet_export_are_read():
    files = {f"{s}/_darknet.labels": "bag\nwire\n" for s in ("train", "valid")}
    files |= {"train/a.jpg": "", "train/a.txt": LINE, "valid/b.jpg": "", "valid/b.txt": LINE}
    result = imported("yolo", files)
    assert result.report["per_class"] == {"bag": 2, "wire": 0}
    assert skipped(result) == {}


def test_a_class_number_named_twice_is_refused():
    document = {"data.yaml": "names:\n  0: bag\n  0: wire\n"}
    with pytest.raises(InvalidDatasetError, match=r"data.yaml: .*a key stands twice .*line 2"):
        imported("yolo", PAIRS | document)


def test_class_numbers_that_count_from_one_end_the_import():
    names = {"classes.txt": "bag\nwire\n"}
    labels = {"labels/a.txt": "1 .5 .5 .2 .1\n", "labels/b.txt": "2 .5 .5 .2 .1\n"}
    with pytest.raises(
        InvalidDatasetError, match=r"counted from 1; .*class_names.1='bag',import_dataset.class_names.2"
    ):
        imported("yolo", PAIRS | names | labels)
    result = imported("yolo", PAIRS | names | labels, {1: "bag", 2: "wire"})
    assert result.report["per_class"] == {"bag": 1, "wire": 1}
    zero = imported("yolo", PAIRS | names | labels | {"images/c.jpg": "", "labels/c.txt": LINE})
    assert skipped(zero) == {"class_unknown": 1, "labels_lost": 1}, "one number too many alone says nothing"


def test_key_points_without_kpt_shape_are_no_outline():
    pose = "0 0.5 0.5 0.2 0.1 0.45 0.5 2 0.55 0.5 2\n"
    result = imported("yolo", PAIRS | {"labels/b.txt": pose})
    assert objects_per_image(result) == {"images/a.jpg": 1}
    (entry,) = [entry for entry in result.report["skipped"] if entry["code"] == "object_malformed"]
    assert "state kpt_shape in data.yaml" in entry["examples"][0]["detail"]


TURN = "<attributes><attribute><name>rotation</name><value>{}</value></attribute></attributes>"


def test_a_box_that_cvat_turned_is_a_polygon():
    def of(degrees):
        content = VOC.format(name="a.jpg", objects=OBJECT.format(more=TURN.format(degrees)))
        return imported("voc", {"a.jpg": "", "a.xml": content, "b.jpg": "", "b.xml": voc("b.jpg")})

    assert of("0.0").content["annotations"][0]["bbox"] == [0, 2, 10, 10.5]
    assert skipped(of("0.0")) == {}
    turned = of("90.0")
    assert "bbox" not in turned.content["annotations"][0]
    assert turned.content["annotations"][0]["segmentation"][0] == pytest.approx(
        [10.25, 2.25, 10.25, 12.25, -0.25, 12.25, -0.25, 2.25]
    )
    assert skipped(turned) == {}
    assert skipped(of("much")) == {"object_malformed": 1, "labels_lost": 1}
