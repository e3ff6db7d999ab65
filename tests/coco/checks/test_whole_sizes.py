"""Declared sizes that are all swapped are one finding; coordinates turn only with the image they belong to."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps
from pycocotools import mask as coco_mask

from support.coco_files import FolderFiles, MemoryFiles, validated_both_ways

HEIGHT, WIDTH = 30, 50


def content_of(boxes, count=6):
    """Images declared as 50 x 30 (height x width), a box on each, in turn."""
    return {
        "images": [{"id": i, "file_name": f"{i}.jpg", "height": WIDTH, "width": HEIGHT} for i in range(count)],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": 1, "bbox": boxes[i % len(boxes)]} for i in range(count)
        ],
        "categories": [{"id": 1, "name": "dent"}],
    }


def files_of(content, orientation=1, **others):
    files = MemoryFiles({image["file_name"]: (HEIGHT, WIDTH) for image in content["images"]} | others)
    files.orientations = {image["file_name"]: orientation for image in content["images"]}
    return files


def checked(content, files, **policies):
    """Validates the file as text and parsed; both give the same, or the same refusal."""
    return validated_both_ways(content, files, **policies)


def counts(result):
    return {(finding.code, finding.policy): finding.count for finding in result.findings}


WIDE, HIGH, SMALL = [20, 5, 28, 12], [4, 20, 12, 28], [1, 2, 10, 10]


def test_sizes_that_are_all_swapped_are_one_finding():
    content = content_of([WIDE, SMALL])
    message = checked(content, files_of(content))
    assert "6 of 6 images that are not square are declared with width and height exchanged" in message
    assert "'0.jpg' is declared as 50 x 30 (height x width), the file has 30 x 50" in message
    assert "--params=validation.policies.image_sizes_swapped=fix takes the sizes of the files" in message
    assert message.count("validation.policies.image_sizes_swapped=") == 1
    fixed = checked(content, files_of(content), image_sizes_swapped="fix")
    assert counts(fixed) == {("image_sizes_swapped", "fix"): 6}
    assert (fixed.images.fixed, fixed.objects.kept) == (6, 6)
    assert {(image["height"], image["width"]) for image in fixed.annotations.images} == {(HEIGHT, WIDTH)}
    kept = checked(content, files_of(content), image_sizes_swapped="keep", image_size_mismatch="fix")
    assert counts(kept) == {("image_sizes_swapped", "keep"): 6, ("image_size_mismatch", "fix"): 6}


def test_a_few_swapped_sizes_among_others_stay_single_faults():
    content = content_of([WIDE], count=12)
    for image in content["images"][4:]:
        image |= {"height": HEIGHT, "width": WIDTH}
    assert counts(checked(content, files_of(content)))["image_size_mismatch", "drop"] == 4
    content = content_of([WIDE], count=2)
    content["images"].append({"id": 9, "file_name": "9.jpg", "height": 8, "width": 8})
    content["annotations"].append({"id": 9, "image_id": 9, "category_id": 1, "bbox": [1, 1, 3, 3]})
    assert counts(checked(content, files_of(content, **{"9.jpg": (8, 8)})))["image_size_mismatch", "drop"] == 2


def test_annotations_of_images_turned_later_are_not_mended_by_a_swap_of_sizes():
    content = content_of([HIGH, SMALL])
    for policy in ("error", "fix"):
        message = checked(content, files_of(content), images_turned=policy)
        assert "3 lie within the size of the file and 6 within the declared one" in message
        assert "probably turned after they were labelled" in message
        assert "images_turned=fix" not in message  # it would be refused
        assert message.count("images_turned=keep") == 1
    assert "no EXIF orientation says which way" in message


def test_sizes_from_before_the_exif_rotation_with_upright_annotations_are_swapped_alone():
    content = content_of([WIDE, SMALL])
    message = checked(content, files_of(content, orientation=6))
    assert "as they are before their EXIF rotation" in message
    assert "image_sizes_swapped=fix" in message


def test_where_nothing_tells_both_ways_out_are_named():
    content = content_of([SMALL])
    message = checked(content, files_of(content, orientation=6))
    assert "validation.policies.images_turned=fix turns the coordinates with the images" in message
    assert "images_turned=keep with image_size_mismatch=fix" in message


def test_some_portrait_photos_among_others_are_found():
    content = content_of([HIGH], count=20)
    for image, record in list(zip(content["images"], content["annotations"], strict=True))[4:]:
        image |= {"height": HEIGHT, "width": WIDTH}
        record["bbox"] = WIDE
    files = files_of(content)
    files.orientations = {f"{i}.jpg": 8 for i in range(4)}
    fixed = checked(content, files, images_turned="fix")
    assert counts(fixed) == {("images_turned", "fix"): 4}
    assert (fixed.images.fixed, fixed.objects.fixed) == (4, 4)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("shape", ["box", "polygon", "rle"])
def test_annotations_turn_as_the_image_does(tmp_path, orientation, shape):
    """Each annotation covers the same pixels of the decoded image as it covered of the stored one."""
    rng = np.random.default_rng(orientation)
    content = content_of([HIGH])
    uprights = []
    for image, record in zip(content["images"], content["annotations"], strict=True):
        pixels = np.zeros((WIDTH, HEIGHT), np.uint8)  # stored: 50 rows, 30 columns
        left, top, w, h = (int(value) for value in (*rng.integers(1, 9, 2), *rng.integers(3, 18, 2)))
        top += 20
        pixels[top : top + h, left : left + w] = 255
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", exif=exif, quality=95)
        (tmp_path / image["file_name"]).write_bytes(buffer.getvalue())
        upright = Image.fromarray(pixels)
        upright.getexif()[ExifTags.Base.Orientation] = orientation
        uprights.append(np.asarray(ImageOps.exif_transpose(upright)) > 0)
        right, bottom = left + w, top + h
        rle = coco_mask.encode(np.asfortranarray(pixels // 255))
        shapes = {
            "box": {"bbox": [left, top, w, h]},
            "polygon": {"bbox": None, "segmentation": [[left, top, right, top, right, bottom, left, bottom]]},
            "rle": {"bbox": None, "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()}},
        }
        record.update(shapes[shape])
    result = checked(content, FolderFiles(tmp_path), images_turned="fix")
    assert counts(result) == {("images_turned", "fix"): 6}
    assert (result.images.fixed, result.objects.fixed) == (6, 6)
    for image, expected in zip(result.annotations.images, uprights, strict=True):
        assert (image["height"], image["width"]) == expected.shape == (HEIGHT, WIDTH)
        truth = result.annotations.truth(image["id"])
        rows, columns = np.nonzero(expected)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert truth.xyxy[0].tolist() == box
        if shape != "box":
            np.testing.assert_array_equal(truth.masks[0], expected)
