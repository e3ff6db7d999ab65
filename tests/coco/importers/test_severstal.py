"""The CSV file of the Severstal competition: runs of pixels."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, accounted, imported, noted, skipped

HEADER = "ImageId,ClassId,EncodedPixels\n"


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


@pytest.mark.parametrize("row", ["b.jpg,1", "b.jpg", "b.jpg,,1 5"])
def test_a_row_that_ends_before_its_pixels_does_not_make_its_image_empty(row):
    """A table that was cut off ends so: the image is named, and what is on it is not known."""
    result = imported("severstal", {"train.csv": f"{HEADER}a.jpg,1,1 5\n{row}", "a.jpg": "", "b.jpg": ""})
    assert result.image_names == ["a.jpg"]
    assert skipped(result) == {"object_malformed": 1, "labels_lost": 1}


@pytest.mark.parametrize("nothing", ["nan", "NaN", "None", " "])
def test_what_a_table_writes_into_an_empty_cell_is_no_mask(nothing):
    result = imported("severstal", {"train.csv": f"{HEADER}a.jpg,1,1 5\nb.jpg,1,{nothing}\n", "a.jpg": "", "b.jpg": ""})
    assert result.image_names == ["a.jpg", "b.jpg"]
    assert (len(result.content["annotations"]), skipped(result)) == (1, {})


@pytest.mark.parametrize("pixels", ["1_0 5", "\u0661 \u0665", "1.0 5", f"1 {'9' * 5000}", "[1 5]", "x"])
def test_what_is_no_number_of_pixels_is_shown(pixels):
    result = imported("severstal", {"train.csv": f"{HEADER}a.jpg,1,1 5\nb.jpg,1,{pixels}\n", "a.jpg": "", "b.jpg": ""})
    (left,) = [entry for entry in result.report["skipped"] if entry["code"] == "mask_malformed"]
    assert f"expected pairs of first pixel and length within 2000 pixels, got {pixels[:60]!r}" in str(left["examples"])


def test_the_first_edition_of_severstal():
    rows = "ImageId_ClassId,EncodedPixels\na_b.jpg_1,1 5\na_b.jpg_2,\n"
    assert imported("severstal", {"train.csv": rows, "a_b.jpg": ""}).report["per_class"] == {"1": 1}
    with pytest.raises(
        InvalidDatasetError, match="expected one CSV file with the columns ImageId, ClassId, EncodedPixels"
    ):
        imported("severstal", {"a.csv": "x,y\n", "a.jpg": ""})


def test_a_name_in_several_folders_is_given_to_none_of_them():
    rows = f"{HEADER}0.jpg,1,1 5\ncam1/1.jpg,1,1 5\n0.jpg,1,\n"
    files = {f"cam{camera}/{number}.jpg": "" for camera in (1, 2) for number in (0, 1)}
    result = imported("severstal", {"train.csv": rows, **files})
    assert result.image_names == ["cam1/1.jpg"]
    assert skipped(result) == {"pairing_ambiguous": 2, "labels_lost": 2, "image_not_annotated": 1}
    assert accounted(result)["objects"] == (2, 1, {"pairing_ambiguous": 1})


def test_two_names_never_share_an_image():
    """`a.png` is not there: its mask is not that of `a.jpg`, although nothing else has its stem."""
    rows = f"{HEADER}a.jpg,1,1 5\na.png,1,9 9\nB.PNG,1,1 5\n"
    result = imported("severstal", {"train.csv": rows, "a.jpg": "", "b.jpg": ""})
    assert [record["image_id"] for record in result.content["annotations"]] == [1, 2]
    assert skipped(result) == {"pairing_ambiguous": 1}
    assert noted(result) == {"labels_incomplete": 1, "name_spelled_otherwise": 1}


def test_each_row_with_pixels_is_taken_or_lost():
    rows = f"{HEADER}a.jpg,1,1 5\na.jpg,,1 5\nbad.jpg,1,1 5\nno.jpg,1,1 5\nno.jpg,1,\nb.jpg,1,1 x\n,1,1 5\n"
    result = imported("severstal", {"train.csv": rows, "a.jpg": "", "bad.jpg": "broken", "b.jpg": "", "x.md": ""})
    assert accounted(result) == {
        "images": (3, 1, {"image_unreadable": 1, "labels_lost": 1}),
        "files": (2, 1, {"file_not_used": 1}),
        "objects": (6, 1, {"object_malformed": 1, "image_unreadable": 1, "image_missing": 2, "mask_malformed": 1}),
        "elements": (1, 0, {"image_missing": 1}),
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_the_table_is_utf8_or_refused(encoding):
    rows = f"{HEADER}a.jpg,Grübchen,1 5\n".encode(encoding)
    if not encoding.startswith("utf-8"):
        with pytest.raises(InvalidDatasetError, match="save as UTF-8"):
            imported("severstal", {"train.csv": rows, "a.jpg": ""})
        return
    assert imported("severstal", {"train.csv": rows, "a.jpg": ""}).report["per_class"] == {"Grübchen": 1}


def test_of_several_tables_none_is_chosen():
    rows = f"{HEADER}a.jpg,1,1 5\n"
    with pytest.raises(InvalidDatasetError, match=r"got old/train.csv and train.csv; leave one of them"):
        imported("severstal", {"train.csv": rows, "old/train.csv": rows, "sample_submission.csv": rows, "a.jpg": ""})


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


class TestImagesWithoutARow:
    """The later public table has no rows of good strips: they are half of the set."""

    ROWS = f"{HEADER}a.jpg,1,1 5\n"

    def test_beside_images_with_rows_they_are_good_strips(self):
        files = {"train.csv": self.ROWS, "train_images/a.jpg": "", "train_images/b.jpg": "", "train_images/c.jpg": ""}
        result = imported("severstal", files)
        assert result.image_names == ["train_images/a.jpg", "train_images/b.jpg", "train_images/c.jpg"]
        assert {record["image_id"] for record in result.content["annotations"]} == {1}
        assert (noted(result), skipped(result)) == ({"image_not_listed": 2}, {})

    def test_they_are_left_out_where_that_is_asked_for(self):
        files = {"train.csv": self.ROWS, "a.jpg": "", "b.jpg": ""}
        result = imported("severstal", files, unlisted_images="skip")
        assert result.image_names == ["a.jpg"]
        assert skipped(result) == {"image_not_annotated": 1}

    def test_a_test_set_is_none_of_them(self):
        files = {"train.csv": self.ROWS, "train_images/a.jpg": "", "test_images/b.jpg": ""}
        assert imported("severstal", files).image_names == ["train_images/a.jpg"]
        together = {"train.csv": self.ROWS, "sample_submission.csv": f"{HEADER}b.jpg,1,1 409600\n"}
        result = imported("severstal", together | {"a.jpg": "", "b.jpg": "", "c.jpg": ""})
        assert result.image_names == ["a.jpg", "c.jpg"]

    @pytest.mark.parametrize("lost", ["x.jpg", "train/x.jpg", "train\\x.jpg"])
    def test_where_a_row_with_pixels_has_no_image_none_of_them_is_known_to_be_empty(self, lost):
        files = {"train.csv": f"{self.ROWS}{lost},1,1 5\n", "train/a.jpg": "", "train/x-1.jpg": ""}
        result = imported("severstal", files)
        assert result.image_names == ["train/a.jpg"]
        assert skipped(result) == {"image_missing": 1, "labels_lost": 1}

    def test_rows_of_another_folder_say_nothing_of_them(self):
        rows = f"{HEADER}one/a.jpg,1,1 5\ntwo/a.jpg,1,1 5\ntwo/x.jpg,1,1 5\n"
        files = {"train.csv": rows, "one/a.jpg": "", "one/b.jpg": "", "two/a.jpg": "", "two/b.jpg": ""}
        assert imported("severstal", files).image_names == ["one/a.jpg", "two/a.jpg", "one/b.jpg"]

    def test_a_copy_of_a_listed_image_is_no_good_strip(self):
        files = {"train.csv": self.ROWS, "a.jpg": "", "a (1).jpg": "", "b.jpg": "", "c.jpg": "broken"}
        result = imported("severstal", files)
        assert result.image_names == ["a.jpg", "b.jpg"]
        assert skipped(result) == {"labels_lost": 1, "image_unreadable": 1}

    def test_an_image_that_two_rows_may_mean_is_not_empty(self):
        rows = f"{self.ROWS}c.png,1,1 5\nC.PNG,1,1 5\n"
        files = {"train.csv": rows, "a.jpg": "", "c.jpg": ""}
        assert "c.jpg" not in {
            image["file_name"]
            for image in imported("severstal", files).content["images"]
            if image["id"] not in {record["image_id"] for record in imported("severstal", files).content["annotations"]}
        }
