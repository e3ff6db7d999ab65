"""The way to the canvas and back."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from gsam_edge.vision import Letterbox
from gsam_edge.vision.images import ImageError, decode_image
from gsam_edge.vision.letterbox import letterboxed, letterboxed_file

sides = st.integers(1, 900)


@given(st.tuples(sides, sides), st.tuples(st.integers(8, 640), st.integers(8, 640)))
def test_the_image_fits_the_canvas_and_touches_two_of_its_sides(image_hw, canvas_hw):
    box = Letterbox.fit(image_hw, canvas_hw)
    for resized, canvas in zip(box.resized_hw, canvas_hw, strict=True):
        assert 1 <= resized <= canvas
    assert any(resized == canvas for resized, canvas in zip(box.resized_hw, canvas_hw, strict=True))
    left, top = box.offset_xy
    right, bottom = canvas_hw[1] - left - box.resized_hw[1], canvas_hw[0] - top - box.resized_hw[0]
    assert 0 <= right - left <= 1
    assert 0 <= bottom - top <= 1


@given(st.tuples(sides, sides), st.tuples(st.integers(8, 640), st.integers(8, 640)), st.data())
def test_boxes_come_back(image_hw, canvas_hw, data):
    box = Letterbox.fit(image_hw, canvas_hw)
    unit = st.floats(0, 1, width=32)
    x, y = (sorted(data.draw(st.tuples(unit, unit))) for _ in range(2))
    height, width = image_hw
    xyxy = np.array([[x[0] * width, y[0] * height, x[1] * width, y[1] * height]], np.float32)
    on_canvas = box.boxes_to_canvas(xyxy)
    assert (on_canvas >= -1e-3).all()
    assert (on_canvas <= np.array([*canvas_hw[::-1]] * 2) + 1e-2).all()
    np.testing.assert_allclose(box.boxes_to_image(on_canvas), xyxy, atol=1e-3 * max(image_hw))


def test_boxes_beyond_the_image_are_clipped_on_the_way_back():
    box = Letterbox.fit((100, 200), (64, 64))
    np.testing.assert_allclose(box.boxes_to_image(np.array([[0, 0, 64, 64]], np.float32)), [[0, 0, 200, 100]])


def test_the_picture_lies_where_its_boxes_go():
    image = np.zeros((60, 120, 3), np.uint8)
    image[20:40, 30:90] = 255
    box = Letterbox.fit((60, 120), (96, 96))
    canvas = box.image(image)
    assert canvas.shape == (96, 96, 3)
    assert canvas.dtype == np.uint8
    assert (canvas[:24] == 114).all()
    left, top, right, bottom = box.boxes_to_canvas(np.array([[30, 20, 90, 40]], np.float32))[0]
    rows, columns = np.nonzero((canvas == 255).all(axis=2))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx(
        (left, top, right, bottom), abs=1
    )


@given(
    st.tuples(st.integers(20, 200), st.integers(20, 200)),
    st.sampled_from([1, 4]),
    st.tuples(st.floats(0.1, 0.4), st.floats(0.6, 0.9)),
)
def test_a_mask_comes_back_at_any_stride(image_hw, stride, span):
    """A rectangle drawn on the canvas, coarse or fine, is the same one in the image, to a pixel of the coarser."""
    canvas_hw = (128, 128)
    box = Letterbox.fit(image_hw, canvas_hw)
    height, width = image_hw
    xyxy = np.array([[span[0] * width, span[0] * height, span[1] * width, span[1] * height]], np.float32)
    left, top, right, bottom = np.round(box.boxes_to_canvas(xyxy)[0] / stride).astype(int)
    probabilities = np.zeros((128 // stride, 128 // stride), np.float32)
    probabilities[top:bottom, left:right] = 1
    whole_image = np.array([[0, 0, width, height]], np.float32)
    (mask,) = box.masks_to_image(probabilities[None], whole_image).whole()
    assert mask.shape == image_hw
    assert mask.dtype == bool
    drawn = box.boxes_to_image(np.array([[left, top, right, bottom]], np.float32) * stride)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    pixel = max(1.0, stride * max(image_hw) / 128)
    np.testing.assert_allclose(found, drawn[0], atol=pixel + 0.5)


def test_masks_within_their_boxes_are_the_whole_masks_cut_to_them():
    box = Letterbox.fit((90, 70), (64, 64))
    rng = np.random.default_rng(0)
    probabilities = rng.random((4, 16, 16)).astype(np.float32)
    xyxy = np.array([[0, 0, 70, 90], [10.2, 20.7, 40.1, 60.5], [5, 5, 5, 5], [9, 9, 2, 20]], np.float32)
    masks = box.masks_to_image(probabilities, xyxy).whole()
    (whole,) = box.masks_to_image(probabilities[1:2], xyxy[:1]).whole()
    inside = np.zeros_like(whole)
    inside[21:60, 10:40] = True  # the pixels whose middle is in the box
    assert not masks[1][~inside].any()
    assert (masks[1] == whole)[inside].mean() > 0.99
    assert not masks[2:].any()


@given(st.data())
def test_a_box_holds_the_pixels_whose_middle_is_in_it(data):
    """One rule for the edge of a mask, that of the area which a student learns: half a pixel of error at most."""
    height, width = image_hw = data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    canvas = data.draw(st.sampled_from([32, 64]))
    x, y = (sorted(data.draw(st.tuples(*2 * [st.floats(0, side, width=32)]))) for side in (width, height))
    xyxy = np.array([[x[0], y[0], x[1], y[1]]], np.float32)
    everywhere = np.ones((1, canvas // 4, canvas // 4), np.float32)
    (mask,) = Letterbox.fit(image_hw, (canvas, canvas)).masks_to_image(everywhere, xyxy).whole()
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    expected = ((rows >= y[0]) & (rows < y[1]))[:, None] & (columns >= x[0]) & (columns < x[1])
    np.testing.assert_array_equal(mask, expected)


def photograph(hw, kind="JPEG", *, mode="RGB", orientation=1):
    """A file of an image without sharp edges, as photographs are at the size of a pixel."""
    waves = np.linspace(0, 9, hw[0])[:, None, None], np.linspace(0, 7, hw[1])[None, :, None], np.arange(3)[None, None]
    pixels = 127 + 60 * np.sin(waves[0] + waves[2]) + 60 * np.cos(waves[1] * 1.3 - waves[2])
    image = Image.fromarray(pixels.astype(np.uint8)).convert(mode)
    exif = image.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    content = BytesIO()
    image.save(content, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    return content.getvalue()


FILE = {"name": "a.jpg", "max_pixels": 10**6}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_file_gives_the_numbers_of_its_decoded_image(kind, orientation):
    content = photograph((90, 141), kind, orientation=orientation)
    expected, place = letterboxed(decode_image(content, **FILE), 64)
    batch, letterbox = letterboxed_file(content, 64, **FILE, reduced=False)
    assert letterbox == place
    np.testing.assert_array_equal(batch, expected)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_jpeg_lies_as_the_whole_one_whatever_its_orientation(mode, orientation):
    """Sides that 8 does not divide: a reduced image that counted its last half pixel whole would be shifted."""
    content = photograph((403, 587), mode=mode, orientation=orientation)
    expected, place = letterboxed_file(content, 64, **FILE, reduced=False)
    batch, letterbox = letterboxed_file(content, 64, **FILE, reduced=True)
    assert letterbox == place
    assert 0 < np.abs(batch - expected).max() < 6 / 255
    assert np.abs(batch - expected).mean() < 1 / 255


def test_a_jpeg_that_shrinks_less_than_to_a_half_is_decoded_whole():
    content = photograph((120, 127))
    expected, _ = letterboxed_file(content, 64, **FILE, reduced=False)
    np.testing.assert_array_equal(letterboxed_file(content, 64, **FILE, reduced=True)[0], expected)


def test_a_damaged_or_too_large_file_is_refused_reduced_or_not():
    content = photograph((300, 300))
    for reduced in (False, True):
        with pytest.raises(ImageError, match=r"a\.jpg: expected at most 999 pixels"):
            letterboxed_file(content, 64, name="a.jpg", max_pixels=999, reduced=reduced)
        with pytest.raises(ImageError, match=r"a\.jpg: expected a complete image file"):
            letterboxed_file(content[:2000], 64, **FILE, reduced=reduced)
