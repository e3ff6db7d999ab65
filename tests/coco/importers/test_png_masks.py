"""Masks as image files: one for each object, one for each image, numbers of classes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, accounted, imported, noted, png, skipped

LARGE = (120, 160)


def stored(values, suffix="PNG", **options):
    buffer = io.BytesIO()
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def ellipse(y, x, height, width, hw=LARGE):
    rows, columns = np.mgrid[: hw[0], : hw[1]]
    return ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1


def masks_of(result, name, hw=SIZE):
    (image_id,) = [image["id"] for image in result.content["images"] if image["file_name"] == name]
    return [
        decode_segmentation(record["segmentation"], hw)
        for record in result.content["annotations"]
        if record["image_id"] == image_id
    ]


TWO = np.zeros(SIZE, bool)
TWO[2:8, 3:9] = TWO[20:30, 30:45] = True


def test_labels_of_16_bits_are_objects_however_small_their_numbers():
    numbers = np.zeros(SIZE, np.uint16)
    numbers[3:6, 4:9] = 7
    buffer = io.BytesIO()
    Image.fromarray(numbers).save(buffer, "PNG")
    result = imported("png_masks", {"1/images/a.png": "", "1/masks/x.png": buffer.getvalue()})
    (record,) = result.content["annotations"]
    np.testing.assert_array_equal(decode_segmentation(record["segmentation"], SIZE), numbers > 0)


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
    assert skipped(result) == {"mask_malformed": 2, "image_not_annotated": 2, "image_missing": 1}


RADII = st.tuples(st.integers(8, 28), st.integers(8, 38))
LOSSY = [("JPEG", {}), ("JPEG", {"subsampling": 0}), ("WEBP", {})]


@pytest.mark.parametrize(("suffix", "options"), LOSSY)
@given(quality=st.integers(60, 95), place=st.tuples(st.integers(30, 90), st.integers(40, 120)), radii=RADII)
def test_a_lossy_mask_keeps_area_and_box(suffix, options, quality, place, radii):
    mask = ellipse(*place, *radii)
    content = stored(mask * np.uint8(255), suffix, quality=quality, **options)
    result = imported("png_masks", {"1/images/a.png": "", "1/masks/m.png": content}, sizes={"1/images/a.png": LARGE})
    (found,) = masks_of(result, "1/images/a.png", LARGE)
    assert found.sum() == pytest.approx(mask.sum(), rel=0.04)
    for axis in (0, 1):
        expected, got = np.flatnonzero(mask.any(axis)), np.flatnonzero(found.any(axis))
        assert abs(expected[0] - got[0]) <= 1
        assert abs(expected[-1] - got[-1]) <= 1
    assert noted(result) == {"mask_lossy": 1}
    assert not result.report["skipped"]


@given(st.integers(50, 95), st.lists(st.sampled_from(range(20, 236, 25)), min_size=1, max_size=4, unique=True))
def test_numbers_in_a_lossy_file_are_refused(quality, numbers):
    values = np.zeros(LARGE, np.uint8)
    for row, number in enumerate(numbers):
        values[4 + 28 * row : 26 + 28 * row, 10:150] = number
    content = stored(values, "JPEG", quality=quality)
    with pytest.raises(InvalidDatasetError, match=r"mask_malformed.*lossy file.*store masks as PNG"):
        imported("png_masks", {"1/images/a.png": "", "1/masks/m.jpg": content}, sizes={"1/images/a.png": LARGE})


def test_black_and_one_stored_as_jpeg_is_not_taken_for_black():
    content = stored(TWO.astype(np.uint8), "JPEG")
    with pytest.raises(InvalidDatasetError, match="mask_malformed"):
        imported("png_masks", {"1/images/a.png": "", "1/masks/m.jpg": content})


def test_lossless_webp_is_exact_and_not_lossy():
    content = stored(TWO * np.uint8(255), "WEBP", lossless=True)
    result = imported("png_masks", {"1/images/a.png": "", "1/masks/m.png": content})
    np.testing.assert_array_equal(masks_of(result, "1/images/a.png")[0], TWO)
    assert not noted(result)


@given(st.floats(0.3, 1.5), RADII)
def test_smooth_edges_count_from_half_on(sigma, radii):
    mask = ellipse(60, 80, *radii)
    grey = np.round(ndimage.gaussian_filter(mask * 255.0, sigma, truncate=2)).astype(np.uint8)
    files = {"1/images/a.png": "", "1/masks/m.png": stored(grey)}
    result = imported("png_masks", files, sizes={"1/images/a.png": LARGE})
    np.testing.assert_array_equal(masks_of(result, "1/images/a.png", LARGE)[0], grey > 127)
    assert set(noted(result)) <= {"mask_grey"}


@pytest.mark.parametrize("folders", [("images", "masks"), ("Images", "Masks"), ("JPEGImages", "SegmentationClass")])
@pytest.mark.parametrize("end", ["", "_mask", "-label", "_GT"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_one_mask_for_an_image_is_its_regions(folders, end, suffix):
    images, masks = folders
    one = np.zeros(SIZE, bool)
    one[1:3, 1:3] = True
    files = {f"{images}/{name}{suffix}": "" for name in "abc"}
    result = imported("png_masks", files | {f"{masks}/a{end}.png": png(TWO), f"{masks}/b{end}.png": png(one)})
    found = masks_of(result, f"{images}/a{suffix}")
    assert [int(mask.sum()) for mask in found] == [36, 150]
    np.testing.assert_array_equal(np.any(found, axis=0), TWO)
    np.testing.assert_array_equal(masks_of(result, f"{images}/b{suffix}")[0], one)
    assert noted(result) == {"mask_of_regions": 2}
    assert skipped(result) == {"image_not_annotated": 1}


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.6))
def test_regions_are_those_of_an_independent_labelling(seed, density):
    mask = np.random.default_rng(seed).random(SIZE) < density
    mask[20, 20] = True
    result = imported("png_masks", {"images/a.png": "", "masks/a.png": png(mask)})
    numbers, count = ndimage.label(mask, np.ones((3, 3)))
    expected = {(numbers == number).tobytes() for number in range(1, count + 1)}
    assert {found.tobytes() for found in masks_of(result, "images/a.png")} == expected


def test_numbered_masks_in_one_folder_are_objects():
    files = {"images/a.png": "", "images/b_1.png": "", "images/b.png": ""}
    masks = {"masks/a_0.png": png(TWO), "masks/a_1.png": png(TWO[::-1]), "masks/b_1_0.png": png(TWO)}
    result = imported("png_masks", files | masks)
    assert [len(masks_of(result, name)) for name in ("images/a.png", "images/b_1.png")] == [2, 1]
    assert skipped(result) == {"image_not_annotated": 1}


def test_a_name_that_may_be_an_image_or_a_number_is_given_to_none():
    files = {"images/a.png": "", "images/a_1.png": "", "images/c.png": "", "masks/c.png": png(TWO)}
    result = imported("png_masks", files | {"masks/a_1.png": png(TWO), "masks/a_2.png": png(TWO)})
    assert result.image_names == ["images/c.png"]
    assert skipped(result) == {"pairing_ambiguous": 2, "labels_lost": 2}
    assert noted(result) == {"mask_of_regions": 1}


def test_masks_of_other_images_are_not_those_of_the_only_one():
    """One image is left in the folder: the masks of those that are gone are not its own."""
    files = {"images/a.png": "", "masks/a.png": png(TWO), "masks/b.png": png(TWO), "masks/c.png": png(TWO)}
    result = imported("png_masks", files)
    assert len(masks_of(result, "images/a.png")) == 2
    assert skipped(result) == {"image_missing": 2}
    files = {
        "train/images/a.png": "",
        "train/masks/b.png": png(TWO),
        "val/images/c.png": "",
        "val/masks/c.png": png(TWO),
    }
    assert imported("png_masks", files).image_names == ["val/images/c.png"]


def test_two_images_of_one_stem_get_no_mask():
    files = {"images/a.png": "", "images/a.jpg": "", "images/b.png": ""}
    result = imported("png_masks", files | {"masks/a.png": png(TWO), "masks/b.png": png(TWO)})
    assert result.image_names == ["images/b.png"]
    assert skipped(result) == {"pairing_ambiguous": 1, "labels_lost": 2}


def numbered():
    values = np.zeros(SIZE, np.uint8)
    values[2:8, 3:9], values[20:30, 30:45], values[20:30, 5:9] = 1, 2, 1
    return values


def palette(values):
    image = Image.fromarray(values, "P")
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [9] * 750 + [224, 224, 192])
    return image


@pytest.mark.parametrize("content", [numbered(), palette(numbered()), numbered().astype(np.uint16)])
def test_numbers_are_classes_where_they_have_names(content):
    files = {"images/a.png": "", "masks/a.png": stored(content)}
    result = imported("png_masks", files, {1: "dent", 2: "scratch"})
    assert result.report["per_class"] == {"dent": 2, "scratch": 1}
    union = np.any(masks_of(result, "images/a.png"), axis=0)
    np.testing.assert_array_equal(union, numbered() > 0)
    with pytest.raises(InvalidDatasetError, match=r"2 others \(1, 2\): are they classes or objects\?.*class_names"):
        imported("png_masks", files, {0: "dent"})


def test_a_file_with_one_of_the_classes_is_of_that_class():
    files = {"images/a.png": "", "masks/a.png": stored(TWO * np.uint8(2)), "images/b.png": "", "masks/b.png": png(TWO)}
    result = imported("png_masks", files, {1: "dent", 2: "scratch"})
    assert result.report["per_class"] == {"dent": 0, "scratch": 2}
    assert result.image_names == ["images/a.png"]
    assert skipped(result) == {"class_unknown": 1, "labels_lost": 1}


def test_the_outlines_of_voc_masks_are_no_objects():
    values = numbered()
    values[8, 3:9] = 255
    files = {"images/a.png": "", "masks/a.png": stored(palette(values))}
    result = imported("png_masks", files, {1: "dent", 2: "scratch"})
    assert result.report["per_class"] == {"dent": 2, "scratch": 1}
    assert skipped(result) == {"element_not_used": 1}


def test_a_black_mask_says_that_nothing_is_there():
    files = {f"images/{name}.png": "" for name in "ab"}
    result = imported("png_masks", files | {"masks/a.png": png(TWO), "masks/b.png": png(TWO & False)})
    assert result.image_names == ["images/a.png", "images/b.png"]
    assert (noted(result)["mask_empty"], skipped(result)) == (1, {})


def test_what_is_no_mask_is_refused_and_its_image_does_not_pass_for_empty():
    photo = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    clear = np.zeros((*SIZE, 4), np.uint8)
    clear[..., 3] = TWO * 255
    files = {"1/images/a.png": "", "1/masks/x.png": stored(photo), "2/images/a.png": "", "2/masks/x.png": stored(clear)}
    result = imported("png_masks", files | {"3/images/a.png": "", "3/masks/x.png": png(TWO)})
    assert result.image_names == ["3/images/a.png"]
    assert skipped(result) == {"mask_malformed": 2, "labels_lost": 2}
    assert accounted(result)["objects"] == (3, 1, {"mask_malformed": 2})


def test_a_turned_mask_is_turned_as_its_image():
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.zeros(SIZE, bool)
    upright[1:5, 2:20] = True
    content = stored(np.rot90(upright * np.uint8(255)).copy(), exif=exif)
    result = imported("png_masks", {"1/images/a.png": "", "1/masks/m.png": content})
    np.testing.assert_array_equal(masks_of(result, "1/images/a.png")[0], upright)


def test_folders_of_other_names_are_named_in_the_message():
    with pytest.raises(
        InvalidDatasetError,
        match=r"expected masks as image files: <id>/images.*: Bilder/\*.png \(2\), Masken/\*.png \(1\)",
    ):
        imported("png_masks", {"Bilder/a.png": "", "Bilder/b.png": "", "Masken/a.png": png(TWO)})


def test_the_mask_of_an_image_that_is_gone_is_no_object_of_its_namesake():
    mask = png(ellipse(20, 20, 8, 9, SIZE))
    tree = {f"images/{stem}.png": "" for stem in ("scan", "other")}
    tree |= {f"masks/{stem}.png": mask for stem in ("scan", "scan_1", "other")}
    result = imported("png_masks", tree)
    assert {name: len(masks_of(result, name)) for name in ("images/scan.png", "images/other.png")} == {
        "images/scan.png": 1,
        "images/other.png": 1,
    }
    assert skipped(result) == {"pairing_ambiguous": 1}


@pytest.mark.parametrize("colour", [0, 90, 255])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_shape_in_the_transparency_alone_does_not_make_the_whole_image_an_object(colour, mode):
    alpha = Image.new("L", (50, 40))
    alpha.paste(255, (10, 10, 20, 20))
    image = Image.new("L", (50, 40), colour).convert(mode)
    image.putalpha(alpha)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    with pytest.raises(InvalidDatasetError, match="got one in its transparency alone"):
        imported("png_masks", {"images/a.jpg": "", "masks/a.png": buffer.getvalue()})


def test_a_white_background_is_said():
    """Masks of black objects on white come out as one object around them."""
    mask = np.zeros(SIZE)
    mask[5:15, 5:15] = 1
    trees = {
        "said": {"images/a.jpg": "", "masks/a.png": png(1 - mask)},
        "plain": {"images/a.jpg": "", "masks/a.png": png(mask)},
        "full": {"images/a.jpg": "", "masks/a.png": png(np.ones(SIZE))},
    }
    found = {name: "mask_surrounds" in noted(imported("png_masks", tree)) for name, tree in trees.items()}
    assert found == {"said": True, "plain": False, "full": False}
