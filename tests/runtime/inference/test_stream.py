"""Every image is looked at once, however often a run is killed, and a bad one is no end."""

import json
import logging

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from gsam_edge.runtime.inference import files
from gsam_edge.runtime.inference.draw import draw_objects
from gsam_edge.runtime.inference.files import DrawingSettings, write_results
from gsam_edge.runtime.inference.records import RecordError, from_record, to_record
from gsam_edge.runtime.inference.sources import open_source
from gsam_edge.runtime.inference.stream import find_objects, identity_of
from gsam_edge.runtime.tiles import Tiling
from gsam_edge.vision import Detections
from support.inference import NAMES, detector, image_folder, killed_after, png, squares, unwatched

DRAWING = DrawingSettings(width=64, sheet_columns=2, sheet_rows=2, sheet_width=48)


def look(folder, store, *, several=False, batch_size=1, tiling=None, watch=unwatched, identity="one"):
    detect, engine = detector(several=several)
    source = open_source(str(folder), max_pixels=100_000)
    results, report = find_objects(
        source, detect, store, identity=identity, tiling=tiling, batch_size=batch_size, watch=watch
    )
    return results, report, engine.calls


@pytest.mark.parametrize(("several", "calls"), [(True, [3, 3, 1]), (False, [1] * 7)])
def test_images_go_in_batches_where_the_artefact_takes_several(tmp_path, several, calls):
    alone = look(image_folder(tmp_path / "a", 7), {})
    together = look(tmp_path / "a", {}, several=several, batch_size=3)
    assert together[2] == calls
    assert [record for _, record in together[0]] == [record for _, record in alone[0]]
    assert together[1]["objects"] == {"red": 7, "green": 0}
    assert together[1]["images"] == together[1]["with_objects"] == together[1]["new"] == 7


def test_a_killed_run_continues_and_ends_with_the_same_results(tmp_path):
    folder, store = image_folder(tmp_path / "a", 7), {}
    with pytest.raises(KeyboardInterrupt):
        look(folder, store, watch=killed_after(4))
    assert len(store) == 4
    results, report, calls = look(folder, store)
    assert calls == [1, 1, 1]
    assert (report["from_before"], report["new"]) == (4, 3)
    expected, whole, _ = look(folder, {})
    assert list(results) == list(expected)
    assert report["objects"] == whole["objects"]
    _, again, calls = look(folder, store)
    assert calls == []
    assert "seconds" not in again


def test_results_belong_to_artefact_settings_and_pixels(tmp_path):
    """A renamed image keeps its result; another artefact, another setting or other pixels get their own."""
    folder, store = image_folder(tmp_path / "a", 2), {}
    look(folder, store)
    (folder / "1.png").rename(folder / "renamed.png")
    assert look(folder, store)[2] == []
    (folder / "0.png").write_bytes(png(squares((32, 32), (1, 2, 2, 9))))
    results, report, calls = look(folder, store)
    assert calls == [1]
    assert report["objects"] == {"red": 1, "green": 1}
    assert look(folder, store, identity="other")[2] == [1, 1]
    one = identity_of(b"artefact", score_threshold=0.3)
    assert len({one, identity_of(b"another", score_threshold=0.3), identity_of(b"artefact", score_threshold=0.4)}) == 3
    assert results.class_names == NAMES


def test_two_copies_of_an_image_are_looked_at_once_and_both_are_listed(tmp_path):
    folder = image_folder(tmp_path / "a", 1)
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    results, report, calls = look(folder, {}, several=True, batch_size=4)
    assert calls == [1]
    assert report["images"] == 2
    assert [looked.name for looked, _ in results] == ["0.png", "copy.png"]


def test_a_bad_image_is_counted_and_named_and_the_next_one_follows(tmp_path, caplog):
    folder = image_folder(tmp_path / "a", 3)
    (folder / "1.png").write_bytes(b"no image")
    with caplog.at_level(logging.WARNING):
        results, report, calls = look(folder, {})
    assert calls == [1, 1]
    assert report["images"] == 2
    assert [one["file_name"] for one in report["unreadable"]] == ["1.png"]
    assert "1 of 3 images cannot be read" in caplog.text
    assert [looked.id for looked, _ in results] == [1, 3]  # a mended image gets its number back


def test_large_images_are_looked_at_in_tiles(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "large.png").write_bytes(png(squares((100, 120), (0, 40, 70, 6), (1, 90, 10, 6))))
    tiling = Tiling(side=32, overlap=0.5, whole=True, iou_threshold=0.6, cut_share=0.6)
    assert look(folder, {}, tiling=tiling)[1]["objects"] == {"red": 1, "green": 1}


def detections(masked=True):
    masks = np.zeros((3, 20, 30), bool)
    masks[0, 2:9, 3:12] = True
    masks[1, :, 29] = True
    xyxy = np.array([[3, 2, 12, 9], [29, 0, 30, 20], [1.237, 2, 3, 4]], np.float32)
    scores, class_ids = np.array([0.9, 0.5, 0.12345], np.float32), np.array([0, 1, 1])
    return Detections(xyxy, scores, class_ids, masks if masked else None)


@pytest.mark.parametrize("masked", [True, False])
def test_a_record_gives_back_what_went_in(masked):
    found = detections(masked)
    record = json.loads(json.dumps(to_record(found, (20, 30))))
    back = from_record(record)
    np.testing.assert_allclose(back.xyxy, found.xyxy, atol=0.01)
    np.testing.assert_allclose(back.scores, found.scores, atol=5e-5)
    assert back.class_ids.tolist() == found.class_ids.tolist()
    if masked:
        np.testing.assert_array_equal(back.masks, found.masks)
        for one, mask in zip(record["objects"], found.masks, strict=True):
            np.testing.assert_array_equal(coco_mask.decode(one["segmentation"]), mask)
    else:
        assert back.masks is None
    assert len(from_record(to_record(Detections.empty(), (20, 30)))) == 0


@pytest.mark.parametrize(
    "record",
    [{}, {"height": 2, "width": 2, "objects": [{"bbox": [0, 0, 1, 1]}]}, {"height": 1, "width": 1, "objects": 3}],
)
def test_a_damaged_record_is_refused(record):
    with pytest.raises(RecordError, match="stored result"):
        from_record(record)


def test_results_are_files_that_cocos_tools_and_tables_read(tmp_path):
    folder, out = image_folder(tmp_path / "a", 3), tmp_path / "out"
    (folder / "1.png").write_bytes(png(squares((40, 128), (0, 4, 4, 16), (1, 88, 20, 16))))
    (folder / "2.png").write_bytes(png(squares((32, 32))))
    out.mkdir()
    results, _, _ = look(folder, {})
    write_results(out, results, DRAWING, draw=draw_objects, watch=unwatched)
    truth = COCO()
    truth.dataset = json.loads((out / files.IMAGES_FILE).read_text())
    truth.dataset["annotations"] = []
    truth.createIndex()
    loaded = truth.loadRes(str(out / files.RESULTS_FILE))
    assert [truth.imgs[one["image_id"]]["file_name"] for one in loaded.dataset["annotations"]] == ["0.png"] + [
        "1.png"
    ] * 2
    lines = (out / files.TABLE_FILE).read_text().splitlines()
    assert lines[0] == "image_id,file_name,class,score,left,top,right,bottom,mask_pixels"
    assert lines[1] == "1,0.png,red,1.0,0.0,3.0,6.0,9.0,36"
    assert sorted(path.name for path in (out / files.DRAWN_FOLDER).iterdir()) == [
        "000001_0.jpg",
        "000002_1.jpg",
        "000003_2.jpg",
    ]
    from PIL import Image

    with Image.open(out / files.DRAWN_FOLDER / "000002_1.jpg") as drawn:
        assert drawn.size == (64, 20)  # the longer side is cut to drawing.width
    with Image.open(out / files.SHEET_FILE) as sheet:
        assert sheet.size == (2 * 54 + 6, 54 + 16 + 6)  # the two images with objects


def test_nothing_found_and_nothing_readable_are_results_too(tmp_path):
    folder, out = image_folder(tmp_path / "a", 1), tmp_path / "out"
    (folder / "0.png").write_bytes(b"no image")
    out.mkdir()
    results, report, _ = look(folder, {})
    write_results(out, results, DRAWING, draw=draw_objects, watch=unwatched)
    assert report["images"] == 0
    assert json.loads((out / files.RESULTS_FILE).read_text()) == []
    assert (out / files.TABLE_FILE).read_text().count("\n") == 1
    assert not (out / files.SHEET_FILE).exists()


def test_names_that_no_text_holds_and_very_long_ones_are_written(tmp_path):
    folder, out = image_folder(tmp_path / "a", 1), tmp_path / "out"
    content = (folder / "0.png").read_bytes()
    for name in ("\udcff.png", "x" * 251 + ".png", "=1+1,\n.png"):
        (folder / name).write_bytes(content)
    out.mkdir()
    results, _, _ = look(folder, {})
    write_results(out, results, DRAWING, draw=draw_objects, watch=unwatched)
    assert len(list((out / files.DRAWN_FOLDER).iterdir())) == 4
    assert b"\xff.png" in (out / files.TABLE_FILE).read_bytes()
    assert "\udcff.png" in {one["file_name"] for one in json.loads((out / files.IMAGES_FILE).read_text())["images"]}


def test_an_image_that_changed_before_it_was_drawn_is_named(tmp_path, caplog):
    folder, out = image_folder(tmp_path / "a", 2), tmp_path / "out"
    out.mkdir()
    results, _, _ = look(folder, {})
    (folder / "0.png").write_bytes(png(squares((9, 9))))
    with caplog.at_level(logging.WARNING):
        write_results(out, results, DRAWING, draw=draw_objects, watch=unwatched)
    assert "not drawn: 0.png" in caplog.text
    assert [path.name for path in (out / files.DRAWN_FOLDER).iterdir()] == ["000002_1.jpg"]
