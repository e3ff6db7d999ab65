"""What a user names is opened; folders from strangers are taken with care."""

import os

import numpy as np
import pytest

from gsam_edge.runtime.inference.sources import SourceError, is_there, open_source
from gsam_edge.vision.images import ImageError
from support.inference import image_folder, png, squares

MOST = 10_000


def names(source):
    return [frame.name for frame in source]


def test_a_folder_gives_its_images_in_order_and_says_what_else_there_is(tmp_path):
    folder = image_folder(tmp_path / "images", 3)
    image_folder(folder / "deeper", 1)
    (folder / "notes.txt").write_text("no image")
    (folder / "README").write_text("no image")
    (folder / "film.mp4").write_bytes(b"")
    (folder / "._0.png").write_bytes(b"of macOS")
    image_folder(folder / ".cache", 1)
    (tmp_path / "secret.png").write_bytes(png(squares((4, 4))))
    for name, target in {
        "out.png": "../secret.png",
        "in.png": "0.png",
        "nowhere.png": "gone.png",
        "circle.png": "circle.png",
        "folder": "/etc",
    }.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe.png")
    source = open_source(str(folder), max_pixels=MOST)
    assert names(source) == ["0.png", "1.png", "2.png", "deeper/0.png", "in.png"]
    assert [frame.id for frame in source] == [1, 2, 3, 4, 5]
    assert len(source) == 5
    assert source.left_out == {
        "links that lead out of the folder, to a folder, or nowhere": 4,
        "hidden": 2,
        ".txt": 1,
        ".mp4": 1,
        "without a suffix": 1,
        "neither files nor folders": 1,
    }


def test_a_pattern_gives_what_it_matches_and_no_links_that_lead_out(tmp_path):
    folder = image_folder(tmp_path / "a", 12)
    image_folder(tmp_path / "b" / "c", 1)
    (tmp_path / "outside.png").write_bytes(png(squares((4, 4))))
    (folder / "1x.png").symlink_to(tmp_path / "outside.png")
    source = open_source(f"{folder}/1*.png", max_pixels=MOST)
    assert names(source) == ["1.png", "10.png", "11.png"]
    assert sum(source.left_out.values()) == 1
    assert names(open_source(f"{tmp_path}/**/0.png", max_pixels=MOST)) == ["a/0.png", "b/c/0.png"]
    with pytest.raises(SourceError, match=r"without \.\. behind"):
        open_source(f"{folder}/1*/../../b/c/0.png", max_pixels=MOST)


def test_a_name_with_brackets_is_taken_as_it_is(tmp_path):
    folder = image_folder(tmp_path / "a[12]*", 2)
    assert names(open_source(str(folder), max_pixels=MOST)) == ["0.png", "1.png"]
    assert names(open_source(str(folder / "1.png"), max_pixels=MOST)) == ["1.png"]


def test_digest_and_pixels_are_those_of_the_file(tmp_path):
    image = squares((20, 30), (0, 3, 3, 5))
    (tmp_path / "one.png").write_bytes(png(image))
    (frame,) = open_source(str(tmp_path / "one.png"), max_pixels=MOST)
    assert len(frame.digest()) == 64
    np.testing.assert_array_equal(frame.pixels(), image)
    assert frame.seconds is None


def test_a_bad_image_is_an_image_error_of_its_own(tmp_path):
    folder = image_folder(tmp_path, 1)
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:60])
    (folder / "huge.png").write_bytes(png(np.zeros((200, 200, 3), np.uint8)))
    (folder / "text.png").write_text("no image")
    frames = {frame.name: frame for frame in open_source(str(folder), max_pixels=MOST)}
    for name, message in (("cut.png", "complete image"), ("huge.png", "at most 10000 pixels"), ("text.png", "known")):
        with pytest.raises(ImageError, match=f"{name}: .*{message}"):
            frames[name].pixels()
    (folder / "0.png").unlink()
    with pytest.raises(ImageError, match="found no file"):
        frames["0.png"].digest()


def test_nothing_to_look_at_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("")
    for source, message in (
        ("gone", "found nothing"),
        ("gone*.jpg", "got nothing"),
        ("empty", "got nothing"),
        ("other", r"got \.txt 1"),
    ):
        with pytest.raises(SourceError, match=message):
            open_source(str(tmp_path / source), max_pixels=MOST)
    assert not is_there(str(tmp_path / "gone"))
    assert not is_there(str(tmp_path / "gone*.jpg"))
    assert is_there(str(tmp_path / "oth*" / "*"))
