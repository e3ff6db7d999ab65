"""Videos are read frame by frame and drawn as videos."""

import builtins

import cv2
import numpy as np
import pytest

from gsam_edge.runtime.inference import files
from gsam_edge.runtime.inference.draw import draw_objects
from gsam_edge.runtime.inference.files import DrawingSettings, write_results
from gsam_edge.runtime.inference.sources import open_source
from gsam_edge.runtime.inference.stream import find_objects
from gsam_edge.runtime.inference.video import VideoError, VideoWriter
from support.inference import detector, killed_after, squares, unwatched

RATE, FRAMES = 10.0, 6


@pytest.fixture
def film(tmp_path):
    """A red square that moves to the right by 8 pixels a frame."""
    path = tmp_path / "film.mp4"
    with VideoWriter(path, rate=RATE) as writer:
        for number in range(FRAMES):
            writer.write(squares((64, 96), (0, 8 * number, 16, 24)))
    return path


def test_frames_come_back_in_order_with_their_times(film):
    source = open_source(str(film), max_pixels=10_000)
    assert len(source) == FRAMES
    seen = [(frame.id, frame.name, frame.seconds, frame.pixels()) for frame in source]
    assert [one[:2] for one in seen] == [(n + 1, f"film.mp4#{n + 1}") for n in range(FRAMES)]
    assert [one[2] for one in seen] == pytest.approx([n / RATE for n in range(FRAMES)])
    for number, (_, _, _, image) in enumerate(seen):
        assert image.shape == (64, 96, 3)
        assert image[28, 8 * number + 12, 0] > 150  # red comes first
        assert image[28, 8 * number + 12, 2] < 60


def test_a_killed_video_continues_and_is_drawn_as_one(film, tmp_path):
    store, out = {}, tmp_path / "out"
    out.mkdir()
    source = open_source(str(film), max_pixels=10_000)
    settings = {"identity": "one", "tiling": None, "batch_size": 1}
    with pytest.raises(KeyboardInterrupt):
        find_objects(source, detector(side=64)[0], store, watch=killed_after(2), **settings)
    detect, engine = detector(side=64)
    results, report = find_objects(source, detect, store, watch=unwatched, **settings)
    assert engine.calls == [1] * (FRAMES - 2)
    assert report["images"] == FRAMES
    write_results(out, results, DrawingSettings(96, 3, 2, 48), draw=draw_objects, watch=unwatched)
    drawn = cv2.VideoCapture(str(out / files.DRAWN_VIDEO))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    assert drawn.get(cv2.CAP_PROP_FPS) == pytest.approx(RATE)
    drawn.release()
    head, first = (out / files.TABLE_FILE).read_text().splitlines()[:2]
    assert head.startswith("image_id,file_name,seconds,class,")
    assert first.startswith("1,film.mp4#1,0.0,red,")
    assert (out / files.SHEET_FILE).is_file()
    assert not (out / files.DRAWN_FOLDER).exists()


def test_what_is_no_video_or_too_large_is_refused(film, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.mp4: expected a video"):
        open_source(str(tmp_path / "text.mp4"), max_pixels=10_000)
    with pytest.raises(VideoError, match="at most 1000 pixels, got 96 x 64"):
        open_source(str(film), max_pixels=1000)


def test_a_list_of_other_files_is_no_video(film, tmp_path):
    """A file that names others, here or on the network, is not followed."""
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/{film.name}\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoError):
        open_source(str(tmp_path / "list.mp4"), max_pixels=10_000)


def test_without_opencv_one_message_says_what_to_install(film, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name == "cv2":
            raise ModuleNotFoundError("No module named 'cv2'", name="cv2")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(VideoError, match="pip install opencv-python-headless"):
        open_source(str(film), max_pixels=10_000)


def test_a_batch_of_frames_holds_each_frame(film):
    """A frame's pixels are its own, not the memory that the next one is decoded into."""
    kept = [frame.pixels() for frame in open_source(str(film), max_pixels=10_000)]
    middles = [int(np.flatnonzero(image[28, :, 0] > 128).mean()) for image in kept]
    assert middles == sorted(set(middles))
