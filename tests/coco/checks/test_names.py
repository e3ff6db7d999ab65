"""Image records find their files under other spellings, no two records the same one, in any order."""

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco import InvalidDatasetError, validate
from support.coco_files import MemoryFiles, make_config


def dataset(names):
    """A COCO file with an image and an object of its own width for each name."""
    return {
        "images": [{"id": i, "file_name": name, "height": 40, "width": 50} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, i + 1, 5]} for i in range(len(names))
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }


def read(names, on_disk, **policies):
    files = MemoryFiles(dict.fromkeys(on_disk, (40, 50)))
    return validate(dataset(names), files, make_config(policies=policies), source="file")


def widths(result):
    """File names to the widths of their objects, which say which record each object came from."""
    names = {image["id"]: image["file_name"] for image in result.annotations.images}
    return {names[record["image_id"]]: record["bbox"][2] for record in result.annotations.objects}


def codes(result):
    return {(finding.code, finding.policy): finding.count for finding in result.findings}


@pytest.mark.parametrize(
    ("named", "on_disk"),
    [
        ("images\\1/p.jpg", "images/1/p.jpg"),
        ("images\\1\\p.jpg", "images/1/p.jpg"),
        ("Ku\u0308che.jpg", "K\u00fcche.jpg"),
        ("K\u00fcche.jpg", "Ku\u0308che.jpg"),
        ("a%20b.jpg", "a b.jpg"),
        ("images/A.JPG", "Images/a.jpg"),
    ],
)
def test_a_file_is_found_under_another_spelling_and_the_record_gets_its_name(named, on_disk):
    result = read(["other.jpg", named], ["other.jpg", on_disk])
    assert codes(result) == {("image_name_spelled_otherwise", "fix"): 1}
    assert widths(result) == {"other.jpg": 1, on_disk: 2}
    assert result.images.to_json() == {"in": 2, "kept": 1, "fixed": 1, "dropped": 0}
    (example,) = result.findings[0].examples
    assert (example["where"], example["file_name"]) == ("images[1]", named)
    assert repr(on_disk) in example["detail"]


def test_the_policies_leave_the_image_out_or_end_the_run():
    result = read(["o.jpg", "A.jpg"], ["o.jpg", "a.jpg"], image_name_spelled_otherwise="drop")
    assert codes(result) == {
        ("image_name_spelled_otherwise", "drop"): 1, ("annotation_of_dropped_image", "drop"): 1,
    }  # fmt: skip
    with pytest.raises(InvalidDatasetError, match=r"images\[1\]: 'A.jpg' is the file 'a.jpg'"):
        read(["o.jpg", "A.jpg"], ["o.jpg", "a.jpg"], image_name_spelled_otherwise="error")


@pytest.mark.parametrize(
    ("named", "on_disk", "told"),
    [
        # Two files, and nothing tells which is meant.
        (["A.JPG"], ["A.jpg", "a.jpg"], "'A.jpg' and 'a.jpg' are spelled alike"),
        # One file, but two records: labels of one would come onto the image of the other.
        (["A.jpg", "a.jpg"], ["a.jpg"], "'a.jpg' is spelled alike, but other image records name that file, too"),
        (["A.jpg", "A.JPG"], ["a.jpg"], "'a.jpg' is spelled alike, but other image records name that file, too"),
        # Nothing is spelled so.
        (["p00.jpg"], ["images/1/p00.jpg"], "a file of that name is 'images/1/p00.jpg'"),
        (["p0.jpg"], [f"{i}/p0.jpg" for i in range(4)], "a file of that name is '0/p0.jpg' and '1/p0.jpg' and 2 more"),
        (["images/scan_0012.jpg"], ["images/scan_0012.jpeg", "x.png"], "nearest name is 'images/scan_0012.jpeg'"),
        (["qqqqqqq.jpg"], ["a.png", "b.png"], "the folder holds 3 image files, the first is 'a.png'"),
    ],
)
def test_a_file_that_is_not_surely_the_one_is_missing_and_told(named, on_disk, told):
    result = read(["sound.bmp", *named], ["sound.bmp", *on_disk])
    missing = next(finding for finding in result.findings if finding.code == "image_missing")
    assert missing.examples[0]["file_name"] == named[0]
    assert "no file" in missing.examples[0]["detail"]
    assert told in missing.examples[0]["detail"]
    assert ("image_name_spelled_otherwise", "fix") not in codes(result)


def test_an_empty_folder_is_told():
    with pytest.raises(InvalidDatasetError, match="the folder holds no image file"):
        read(["a.jpg"], [], image_missing="error")


@pytest.mark.parametrize("name", ["..\\p.jpg", "images\\..\\..\\p.jpg", "C:\\p.jpg", "\\p.jpg"])
def test_a_name_with_backslashes_that_leaves_the_folder_stays_refused(name):
    result = read(["sound.jpg", name], ["sound.jpg", "p.jpg"])
    assert ("image_path_unsafe", "drop") in codes(result)


def test_the_folder_is_listed_only_where_a_file_is_missing():
    class Unlisted(MemoryFiles):
        def __iter__(self):
            raise AssertionError("the folder was listed")

    content = dataset(["a.jpg"])
    validate(content, Unlisted({"a.jpg": (40, 50)}), make_config(), source="file")
    with pytest.raises(AssertionError, match="listed"):
        validate(content, Unlisted({"b.jpg": (40, 50)}), make_config(), source="file")


_PART = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=4)
_NAME = st.lists(_PART, min_size=1, max_size=3).map("/".join)
_SPELLINGS = (
    str,
    str.upper,
    str.swapcase,
    quote,
    lambda name: name.replace("/", "\\"),
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: unicodedata.normalize("NFC", name),
)


@given(st.lists(_NAME, min_size=1, max_size=5, unique=True), st.data())
def test_no_order_of_records_moves_labels_and_no_two_records_share_a_file(names, data):
    """Records are spelled at will, and some files are not there."""
    spelled = [data.draw(st.sampled_from(_SPELLINGS))(name) for name in names]
    on_disk = [*data.draw(st.lists(st.sampled_from(names), unique=True)), "sound.jpg"]
    content = dataset(["sound.jpg", *dict.fromkeys(spelled)])
    files = MemoryFiles(dict.fromkeys(on_disk, (40, 50)))
    result = validate(content, files, make_config(), source="file")
    kept = widths(result)
    assert len(kept) == len(result.annotations.images) == len(result.annotations.objects)
    assert set(kept) <= set(on_disk)
    content["images"] = data.draw(st.permutations(content["images"]))
    assert widths(validate(content, files, make_config(), source="file")) == kept
    for name in set(on_disk) & set(spelled):  # a record that has the very name of a file keeps that file
        assert content["annotations"][kept[name] - 1]["image_id"] == next(
            image["id"] for image in content["images"] if image["file_name"] == name
        )


@pytest.mark.parametrize("other", ["A.png", "./A.PNG", "%61.png"])
def test_an_image_does_not_pass_for_empty_where_its_labels_stand_under_another_spelling(other):
    """The file is listed twice, as by a tool on Windows: which record is meant is not certain; it has labels."""
    content = dataset(["b.png", "a.png", other])
    content["annotations"][1]["image_id"] = 2
    files = MemoryFiles(dict.fromkeys(["a.png", "b.png"], (40, 50)))
    result = validate(content, files, make_config(), source="file")
    assert [image["file_name"] for image in result.annotations.images] == ["b.png"]
    dropped = {"image_missing": 1, "annotation_of_dropped_image": 2, "labels_lost": 1}
    assert codes(result) == {(code, "drop"): count for code, count in dropped.items()}
