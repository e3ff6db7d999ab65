"""COCO in several files: splits, subsets and tasks, in the layouts of the tools that write them."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco import InvalidDatasetError
from support.importers import accounted, imported, noted, skipped
from support.worlds import CLASSES, imported_world, said, worlds


def coco(images, annotations=(), categories=((1, "bag"), (2, "wire")), **more):
    return json.dumps(
        {
            "images": [{"id": n, "file_name": name, "width": 50, "height": 40} for n, name in images],
            "annotations": [
                {"id": n, "image_id": image, "category_id": category, "bbox": [n, 2, 10, 12], "iscrowd": 0, **rest}
                for n, (image, category, rest) in enumerate(annotations)
            ],
            "categories": [{"id": n, "name": name} for n, name in categories],
            **more,
        }
    )


def pairs(result):
    """Image, class and left edge of each object: `coco` gives each annotation its number as left edge."""
    images = {image["id"]: image["file_name"] for image in result.content["images"]}
    classes = {category["id"]: category["name"] for category in result.content["categories"]}
    rows = result.content["annotations"]
    return sorted((images[row["image_id"]], classes[row["category_id"]], row["bbox"][0]) for row in rows)


LAYOUTS = {
    "roboflow": ("train/_annotations.coco.json", "train/", "valid/_annotations.coco.json", "valid/"),
    "coco": ("annotations/instances_train2017.json", "train2017/", "annotations/instances_val2017.json", "val2017/"),
    "ultralytics": ("annotations/instances_train2017.json", "images/train2017/", "annotations/instances_val2017.json",
                    "images/val2017/"),
    "cvat": ("annotations/instances_Train.json", "images/Train/", "annotations/instances_Validation.json",
             "images/Validation/"),
    "json beside folders": ("train.json", "train/", "val.json", "val/"),
    "images inside": ("train/labels.json", "train/images/", "val/labels.json", "val/images/"),
    "other words": ("json/my_train.json", "data/train/", "json/my_val.json", "data/val/"),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_of_splits_that_use_the_same_names_and_ids_are_merged(layout):
    """Each file counts its ids from 1 and names its classes in its own order; both hold an image 0.jpg."""
    first, one, second, two = LAYOUTS[layout]
    result = imported(
        "coco",
        {
            first: coco([(1, "0.jpg"), (2, "1.jpg")], [(1, 1, {}), (2, 2, {"worn": True})]),
            second: coco([(1, "0.jpg")], [(1, 1, {}), (1, 2, {})], [(1, "wire "), (2, "bag")]),
            **dict.fromkeys([f"{one}0.jpg", f"{one}1.jpg", f"{two}0.jpg"], ""),
        },
    )
    assert pairs(result) == sorted([
        (f"{one}0.jpg", "bag", 0), (f"{one}1.jpg", "wire", 1), (f"{two}0.jpg", "wire", 0), (f"{two}0.jpg", "bag", 1)
    ])  # fmt: skip
    assert result.report["splits"] == {"train": 2, "val": 1}
    assert [record.get("worn") for record in result.content["annotations"]].count(True) == 1
    sources = {(image["source_file"], image["source_id"]) for image in result.content["images"]}
    assert sources == {(first, 1), (first, 2), (second, 1)}
    assert len({record["id"] for record in result.content["annotations"]}) == 4
    assert skipped(result) == {}


def test_an_export_without_subsets_names_no_splits():
    files = {"annotations/instances_default.json": coco([(1, "a/0.jpg")], [(1, 1, {})]), "images/default/a/0.jpg": ""}
    result = imported("coco", files)
    assert result.image_names == ["images/default/a/0.jpg"]
    assert "splits" not in result.report


def test_an_image_of_another_split_is_never_taken_for_a_missing_one():
    """The image of train is gone; one of its name lies in val: its object must not land there."""
    files = {
        "annotations/instances_train.json": coco([(1, "0.jpg"), (2, "1.jpg")], [(1, 1, {}), (2, 1, {})]),
        "train/1.jpg": "",
        "val/0.jpg": "",
    }
    result = imported("coco", files)
    assert pairs(result) == [("train/1.jpg", "bag", 1)]
    assert skipped(result) == {"image_missing": 1, "image_not_annotated": 1}
    assert accounted(result)["objects"] == (2, 1, {"image_missing": 1})


def test_a_name_that_may_be_two_images_gives_its_labels_to_none():
    files = {"all.json": coco([(1, "0.jpg"), (2, "a/1.jpg")], [(1, 1, {}), (2, 1, {})])}
    result = imported("coco", files | dict.fromkeys(["a/0.jpg", "b/0.jpg", "a/1.jpg"], ""))
    assert pairs(result) == [("a/1.jpg", "bag", 1)]
    assert skipped(result) == {"pairing_ambiguous": 1, "labels_lost": 2}


def test_two_tasks_of_one_image_are_one_object():
    """instances_ and person_keypoints_ hold the same objects: each is taken once, with the key points of the other."""
    both = [(7, 1, {"segmentation": [[0, 0, 9, 0, 9, 9]]})]
    points = [(7, 1, {"segmentation": [[0, 0, 9, 0, 9, 9]], "keypoints": [1, 1, 2]}), (7, 1, {"keypoints": [2, 2, 2]})]
    files = {
        "annotations/instances_val2017.json": coco([(7, "0.jpg")], both, info={"year": 2017}),
        "annotations/person_keypoints_val2017.json": coco([(7, "0.jpg")], points),
        "annotations/captions_val2017.json": coco([(7, "0.jpg")], annotations=(), categories=())
        .replace('"annotations": []', '"annotations": [{"image_id": 7, "id": 1, "caption": "a bag"}]'),
        "annotations/panoptic_val2017.json": coco([(7, "0.jpg")]).replace(
            '"annotations": []', '"annotations": [{"image_id": 7, "segments_info": [], "file_name": "0.png"}]'
        ),
        "results.json": '[{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]',
        "package.json": '{"name": "viewer"}',
        "val2017/0.jpg": "",
    }  # fmt: skip
    result = imported("coco", files)
    assert pairs(result) == [("val2017/0.jpg", "bag", 0), ("val2017/0.jpg", "bag", 1)]
    assert [record["keypoints"] for record in result.content["annotations"]] == [[1, 1, 2], [2, 2, 2]]
    assert skipped(result) == {"object_twice": 1, "other_task": 3, "file_not_used": 1}
    assert accounted(result)["objects"] == (5, 2, {"object_twice": 1, "other_task": 2})
    assert result.content["info"]["sources"]["annotations/instances_val2017.json"] == {"info": {"year": 2017}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"bbox": [1, 2, 10, 12]}, {"bbox": [1.0, 2.0, 10.0, 12.0]}),
        (
            {"segmentation": {"size": [40, 50], "counts": [5, 5, 1990]}},
            {"segmentation": {"counts": [5, 5, 1990], "size": [40, 50]}},
        ),
    ],
)
def test_an_object_that_two_tools_write_is_one(one, other):
    """Another tool writes 1.0 for 1, and the keys in another order."""
    files = {"a.json": coco([(1, "0.jpg")], [(1, 1, one)]), "b.json": coco([(1, "0.jpg")], [(1, 1, other)])}
    assert skipped(imported("coco", files | {"0.jpg": ""})) == {"object_twice": 1}


def test_files_that_contradict_each_other_share_no_image():
    """Coordinates for another image size would be wrong; the file that comes first has the image."""
    other = coco([(1, "0.jpg")], [(1, 2, {})]).replace('"width": 50', '"width": 500')
    result = imported("coco", {"a.json": coco([(1, "0.jpg")], [(1, 1, {})]), "b.json": other, "0.jpg": ""})
    assert pairs(result) == [("0.jpg", "bag", 0)]
    assert skipped(result) == {"image_annotated_twice": 1}


def test_an_image_in_two_splits_leaves_the_splits_out():
    files = {"train.json": coco([(1, "0.jpg")], [(1, 1, {})]), "val.json": coco([(1, "0.jpg")], [(1, 2, {})])}
    result = imported("coco", files | {"images/0.jpg": ""})
    assert "splits" not in result.report
    assert skipped(result) == {"splits_incomplete": 1}


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda d: d["annotations"].append(7), {"object_malformed": 1}),
        (lambda d: d["annotations"].append({"image_id": 9, "category_id": 1}), {"image_missing": 1}),
        (lambda d: d["annotations"].append({"category_id": 1}), {"image_missing": 1}),
        (lambda d: d["annotations"].append({"image_id": 1, "category_id": [1]}), {"class_unknown": 1}),
        (lambda d: d["annotations"].append({"image_id": 1, "category_id": 9}), {"class_unknown": 1}),
        (lambda d: d["annotations"].append({"image_id": 1, "category_id": 1, "iscrowd": [7]}), {"element_not_used": 1}),
        (lambda d: d["annotations"].append({"image_id": 1, "category_id": 1, "class_name": "x", "self": 1}), {}),
        (lambda d: d["images"].append({"id": {}, "file_name": "b.jpg"}), {"image_missing": 1}),
        (lambda d: d["images"].append({"id": 2, "file_name": ["b.jpg"]}), {"image_missing": 1}),
        (lambda d: d["images"].append(None), {"image_missing": 1}),
        (lambda d: d["images"].append({"id": 2, "file_name": "../../b.jpg", "declared_hw": 1}), {}),
        (lambda d: d["categories"].append({"id": 2, "name": " "}), {"element_not_used": 1}),
        (lambda d: d["categories"].append({"id": 2, "name": 7}), {}),
    ],
)  # fmt: skip
def test_a_damaged_record_is_counted_and_the_others_are_taken(change, codes):
    document = json.loads(coco([(1, "0.jpg")], [(1, 1, {})], [(1, "bag")]))
    change(document)
    result = imported("coco", {"a.json": json.dumps(document), "0.jpg": "", "b.jpg": ""})
    assert pairs(result)[:1] == [("0.jpg", "bag", 0)] if "bbox" in result.content["annotations"][-1] else True
    codes = (
        codes if "image_not_annotated" in codes or len(result.image_names) == 2 else codes | {"image_not_annotated": 1}
    )
    assert skipped(result) == codes


@pytest.mark.parametrize("key", ["image_id", "category_id"])
def test_references_that_all_miss_by_one_give_no_labels(key):
    """Images, or classes, count from 1 and annotations from 0; with new ids nobody could see it any more."""
    images = [(n, f"{n}.jpg") for n in range(1, 7)]
    image, category = (0, 1) if key == "image_id" else (1, 0)
    annotations = [(image + n, category + n % 2, {}) for n in range(6)]
    files = {"a/a.json": coco(images, annotations), **{f"a/{n}.jpg": "" for n, _ in images}}
    with pytest.raises(InvalidDatasetError, match=f"references_shifted.*Add one to each {key}"):
        imported("coco", files)
    result = imported("coco", files | {"b/b.json": coco([(1, "0.jpg")], [(1, 1, {})]), "b/0.jpg": ""})
    assert pairs(result) == [("b/0.jpg", "bag", 0)]
    assert skipped(result) == {"references_shifted": 1, "image_not_annotated": 6}


def test_one_id_for_two_images_gives_its_labels_to_neither():
    document = coco([(1, "0.jpg"), (1, "1.jpg"), (2, "2.jpg")], [(1, 1, {}), (2, 1, {})])
    result = imported("coco", {"a.json": document, "0.jpg": "", "1.jpg": "", "2.jpg": ""})
    assert pairs(result) == [("2.jpg", "bag", 1)]
    assert skipped(result) == {"pairing_ambiguous": 1, "labels_lost": 2}


@pytest.mark.parametrize(
    ("first", "second", "image", "codes"),
    [
        ("cam1/0.jpg", "cam2/0.jpg", "images/0.jpg", {"pairing_ambiguous": 2, "labels_lost": 1}),
        ("A.jpg", "a.jpg", "a.jpg", {"image_annotated_twice": 1}),
        ("a.png", "a.jpg", "a.jpg", {"image_annotated_twice": 1}),
    ],
)
def test_two_names_in_a_file_are_never_one_image(first, second, image, codes):
    """The cameras' folders were made one, or the other image is gone: the image has at most the labels of its name."""
    document = coco([(1, first), (2, second), (3, "1.jpg")], [(1, 1, {}), (2, 2, {}), (3, 1, {})])
    result = imported("coco", {"a.json": document, image: "", "1.jpg": ""})
    own = [] if "labels_lost" in codes else [(image, "wire", 1)]
    assert pairs(result) == sorted([("1.jpg", "bag", 2), *own])
    assert skipped(result) == codes


@pytest.mark.parametrize(
    ("file", "folder"), [("cam{}.json", "cam{}"), ("annotations/instances_cam{}.json", "images/cam{}")]
)
def test_an_image_of_another_camera_is_never_taken_for_a_missing_one(file, folder):
    files = {
        file.format(1): coco([(1, "0.jpg"), (2, "1.jpg")], [(1, 1, {}), (2, 1, {})]),
        file.format(2): coco([(1, "0.jpg")], [(1, 2, {})]),
        "all.json": coco([(1, "0.jpg"), (2, "1.jpg")], [(1, 2, {}), (2, 1, {})]),
        f"{folder.format(1)}/1.jpg": "",
        f"{folder.format(2)}/0.jpg": "",
    }
    result = imported("coco", files)
    one, two = folder.format(1), folder.format(2)
    assert pairs(result) == sorted([(f"{one}/1.jpg", "bag", 1), (f"{two}/0.jpg", "wire", 0)])
    assert skipped(result) == {"image_missing": 1, "object_twice": 2}


def test_names_of_two_files_are_one_image_unless_their_folders_contradict():
    one, two = (
        coco([(1, "cam1/0.jpg"), (2, "1.jpg")], [(1, 1, {}), (2, 1, {})]),
        coco([(1, "cam2/0.jpg")], [(1, 2, {})]),
    )
    result = imported("coco", {"a.json": one, "b.json": two, "images/0.jpg": "", "images/1.jpg": ""})
    assert pairs(result) == [("images/1.jpg", "bag", 1)]
    assert skipped(result) == {"pairing_ambiguous": 2, "labels_lost": 1}
    agreeing = {
        "a.json": coco([(1, "0.jpg")], [(1, 1, {})]),
        "b.json": coco([(7, r"C:\me\images\0.jpg")], [(7, 2, {})]),
    }
    result = imported("coco", agreeing | {"images/0.jpg": ""})
    assert pairs(result) == [("images/0.jpg", "bag", 0), ("images/0.jpg", "wire", 0)]
    assert skipped(result) == {}


def test_labels_of_another_size_leave_no_image_that_seems_empty():
    """The first file lists the image without objects, the second has one in another size: it may not be empty."""
    other = coco([(1, "0.jpg")], [(1, 2, {})]).replace('"width": 50', '"width": 500')
    first = coco([(1, "0.jpg"), (2, "1.jpg")], [(2, 1, {})])
    result = imported("coco", {"a.json": first, "b.json": other, "0.jpg": "", "1.jpg": ""})
    assert result.image_names == ["1.jpg"]
    assert skipped(result) == {"image_annotated_twice": 1, "labels_lost": 1}


def test_an_unreadable_image_of_two_files_is_counted_once():
    files = {"a.json": coco([(1, "0.jpg"), (2, "1.jpg")], [(1, 1, {}), (2, 1, {})]), "b.json": coco([(1, "0.jpg")])}
    result = imported("coco", files | {"0.jpg": "broken", "1.jpg": ""})
    assert accounted(result)["images"] == (2, 1, {"image_unreadable": 1})
    assert accounted(result)["objects"] == (2, 1, {"image_unreadable": 1})


@pytest.mark.parametrize(
    ("file", "there", "masks"),
    [
        ("train/_annotations.coco.json", "train/images/1.jpg", ["train/masks/0.png", "train/masks/1.png"]),
        ("a.json", "images/1.jpg", ["masks/0.jpg", "masks/1.jpg"]),
        ("annotations/a.json", "images/1.jpg", ["annotations/0.jpg", "annotations/1.jpg"]),
    ],
)
def test_masks_beside_the_images_are_no_images(file, there, masks):
    """0.jpg is gone; its mask is there, and must not be taken for it."""
    document = coco([(1, "0.jpg"), (2, "1.jpg")], [(1, 1, {}), (2, 1, {})])
    result = imported("coco", {file: document, there: "", **dict.fromkeys(masks, "")})
    assert pairs(result) == [(there, "bag", 1)]
    assert skipped(result) == {"image_missing": 1, "image_not_annotated": 2}


def test_a_split_of_an_unknown_name_is_said():
    document = coco([(1, "0.jpg")], [(1, 1, {})]).replace('"width": 50', '"width": 50, "split": "holdout"')
    assert skipped(imported("coco", {"a.json": document, "0.jpg": ""})) == {"element_not_used": 1}


def test_ids_that_are_words_and_names_of_another_spelling():
    document = coco([("a-1", "Stra%C3%9Fe.jpg")], [("a-1", 1, {})])
    result = imported("coco", {"a.json": document, "images/Straße.jpg": ""})
    assert pairs(result) == [("images/Straße.jpg", "bag", 0)]
    assert noted(result) == {"name_spelled_otherwise": 1}


def test_panoptic_alone_is_refused_by_its_name():
    rows = '{"annotations": [{"segments_info": [], "image_id": 1}], "images": [], "categories": []}'
    with pytest.raises(InvalidDatasetError, match="COCO panoptic"):
        imported("coco", {"panoptic.json": rows, "0.jpg": ""})


@given(worlds(), st.data())
@settings(max_examples=150)
def test_what_is_written_in_several_files_comes_back(world, data):
    """Images are dealt out to files in their own order, with ids that collide and classes numbered anew."""
    files = dict.fromkeys(world, "")
    count = data.draw(st.integers(1, 3))
    number = {name: data.draw(st.integers(0, count - 1)) for name in world}
    for file in range(count):
        classes = data.draw(st.permutations(CLASSES))
        images = data.draw(st.permutations([name for name in world if number[name] == file]))
        annotations = [
            {"image_id": n, "category_id": classes.index(c), kind: [list(v)] if kind == "segmentation" else list(v)}
            for n, name in enumerate(images)
            for c, kind, v in world[name]
        ]
        files[data.draw(st.sampled_from([f"{file}.json", f"x{file}/annotations.json"]))] = json.dumps(
            {
                "images": [{"id": n, "file_name": name} for n, name in enumerate(images)],
                "annotations": data.draw(st.permutations(annotations)),
                "categories": [{"id": n, "name": name} for n, name in enumerate(classes)],
            }
        )
    found, images, result = imported_world("coco", files)
    assert found == said(world)
    assert images == sorted(world)
    assert result.report["skipped"] == []


def test_many_images_and_objects_take_seconds():
    count = 20_000
    document = coco([(n, f"{n}.jpg") for n in range(count)], [(n, 1, {}) for n in range(count)])
    start = time.process_time()
    result = imported("coco", {"train/a.json": document, **{f"train/images/{n}.jpg": "" for n in range(count)}})
    assert result.report["annotations"] == count
    assert time.process_time() - start < 10
