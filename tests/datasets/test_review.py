"""What is handed out can be opened and comes back; work that was not taken back is never replaced."""

import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from kedro.io import DatasetError
from PIL import Image

from gsam_edge.coco.importers import import_annotations
from gsam_edge.coco.importers.formats import ImportConfig
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.imports import ForeignFolder
from gsam_edge.datasets.review.corrections import CorrectedAnnotationsDataset, CorrectionsDataset
from gsam_edge.datasets.review.folder import ReviewDataset
from gsam_edge.evaluate.review.package import build_review
from support.review import HEIGHT, WIDTH, coco, review_of

OBJECTS = [(1, 7, 10, 10, 20), (2, 9, 50, 10, 20)]


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "dataset"
    (folder / "images").mkdir(parents=True)
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), "red").save(buffer, "PNG")
    for number in (1, 2):
        (folder / "images" / f"{number:02}.png").write_bytes(buffer.getvalue())
    return ImageFolder(folder, max_pixels=10**6)


@pytest.fixture
def saved(tmp_path, images):
    """A review that was handed out, and its dataset."""
    _, review = review_of(coco(OBJECTS, masks=True))
    dataset = ReviewDataset(filepath=str(tmp_path / "review"), max_pixels=10**6)
    dataset.save((review, images))
    return dataset, review


def corrected(raw, corrections, folder):
    return CorrectedAnnotationsDataset(filepath=str(raw), corrections=str(corrections), review=str(folder / "review"))


def test_the_folder_is_a_coco_dataset_and_comes_back(saved, tmp_path, images):
    dataset, review = saved
    folder = tmp_path / "review"
    assert json.loads((folder / "annotations.json").read_bytes()) == review.labels
    for name in review.image_names:
        assert (folder / name).read_bytes() == images.content(name)
    for name in ("candidates.json", "review.csv", "label_studio.json", "label_studio.xml", "README.md"):
        assert (folder / name).stat().st_size > 0
    assert dataset.load().to_dict() == review.to_dict()
    assert dataset.preview()["columns"][:2] == ["rank", "file_name"]


def test_label_studio_tasks_are_read_by_its_importer(saved, tmp_path):
    folder = tmp_path / "review"
    for other in ("annotations.json", "candidates.json", "review.json"):
        (folder / other).unlink()
    files = ForeignFolder(folder, max_pixels=10**6, max_bytes=10**7)
    result = import_annotations(
        files, "label_studio", ImportConfig(class_names={}, labels_lost="error", unlisted_images="empty")
    )
    assert [image["file_name"] for image in result.content["images"]] == ["images/01.png", "images/02.png"]
    assert len(result.content["annotations"]) == 2
    assert '<Label value="ring"/>' in (folder / "label_studio.xml").read_text()


def test_corrections_that_were_not_taken_back_are_kept_beside_a_new_review(saved, tmp_path, images, caplog):
    dataset, review = saved
    labels = tmp_path / "review" / "annotations.json"
    work = {**review.labels, "annotations": []}
    labels.write_text(json.dumps(work))
    with caplog.at_level(logging.WARNING):
        dataset.save((review, images))
    (kept,) = tmp_path.glob("review.*")
    assert json.loads((kept / "annotations.json").read_bytes()) == work
    assert f"review_folder={kept}" in caplog.text
    assert json.loads(labels.read_bytes()) == review.labels
    assert ReviewDataset(filepath=str(kept), max_pixels=10**6).load().to_dict() == review.to_dict()


def test_corrections_that_were_taken_back_make_room(saved, tmp_path, images):
    dataset, review = saved
    labels = tmp_path / "review" / "annotations.json"
    labels.write_text(json.dumps({**review.labels, "annotations": []}))
    raw = tmp_path / "annotations.json"
    raw.write_text("{}")
    corrected(raw, labels, tmp_path).save(b'{"new": 1}')
    dataset.save((review, images))
    assert not list(tmp_path.glob("review.*"))


def test_work_on_the_folder_is_kept_although_another_file_was_taken_back(saved, tmp_path, images):
    dataset, review = saved
    (tmp_path / "review" / "annotations.json").write_text(json.dumps({**review.labels, "annotations": []}))
    raw = tmp_path / "annotations.json"
    raw.write_text("{}")
    corrected(raw, tmp_path / "export.json", tmp_path).save(b'{"new": 1}')
    dataset.save((review, images))
    assert len(list(tmp_path.glob("review.*"))) == 1


def test_work_that_goes_on_where_it_was_put_aside_is_never_replaced(saved, tmp_path, images):
    dataset, review = saved
    labels = tmp_path / "review" / "annotations.json"
    work = json.dumps({**review.labels, "annotations": []})
    for _ in range(2):
        labels.write_text(work)
        dataset.save((review, images))
        first = min(tmp_path.glob("review.*"), key=lambda path: len(path.name))
        (first / "annotations.json").write_text("more work")
    assert (first / "annotations.json").read_text() == "more work"
    assert len(list(tmp_path.glob("review.*"))) == 2


def test_a_drawing_comes_back_by_the_name_of_its_image(tmp_path, images):
    _, review = review_of(coco(OBJECTS))
    drawing = images.content("images/01.png")
    drawn = replace(review, drawn=dict.fromkeys(review.image_names, drawing))
    dataset = ReviewDataset(filepath=str(tmp_path / "review"), max_pixels=10**6)
    dataset.save((drawn, images))
    assert dict(dataset.load().drawn) == drawn.drawn
    assert (tmp_path / "review" / "drawn" / "images" / "01.png.jpg").is_file()


@pytest.mark.parametrize("name", ["review.json", "README.md"])
def test_an_image_never_replaces_a_file_of_the_review(tmp_path, images, name):
    content = coco(OBJECTS)
    content["images"][0]["file_name"] = name
    _, review = review_of(content)
    dataset = ReviewDataset(filepath=str(tmp_path / "review"), max_pixels=10**6)
    with pytest.raises(DatasetError, match=f"none of the review's own files, got '{name}'"):
        dataset.save((review, images))
    assert not (tmp_path / "review").exists()


def test_blanks_are_no_work(saved, tmp_path, images):
    dataset, review = saved
    (tmp_path / "review" / "annotations.json").write_text(json.dumps(review.labels, indent=2))
    dataset.save((review, images))
    assert not list(tmp_path.glob("review.*"))


def test_an_empty_review_is_a_folder_that_says_so(tmp_path, images):
    dataset = ReviewDataset(filepath=str(tmp_path / "review"), max_pixels=10**6)
    dataset.save((build_review([], None), images))
    assert dataset.load().image_names == []
    assert not (tmp_path / "review" / "label_studio.json").exists()


def test_without_a_review_it_is_said_what_makes_one(tmp_path):
    dataset = ReviewDataset(filepath=str(tmp_path / "none"), max_pixels=10**6)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"expected a review, found no .*; the pipeline review makes one"):
        dataset.load()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "review.json").write_text("[")
    with pytest.raises(DatasetError, match=r"review\.json"):
        dataset.load()


def test_the_annotations_as_they_were_stay_beside_the_corrected_ones(tmp_path):
    raw = tmp_path / "annotations.json"
    raw.write_text("before")
    dataset = corrected(raw, tmp_path / "export.json", tmp_path)
    dataset.save(b"")
    assert [path.name for path in tmp_path.iterdir()] == ["annotations.json"]
    dataset.save(b"after")
    assert raw.read_text() == "after"
    (kept,) = (path for path in tmp_path.iterdir() if path != raw)
    assert kept.read_text() == "before"
    assert kept.match("annotations.*.json")
    dataset.save(b"later")
    assert len(list(tmp_path.glob("annotations.*.json"))) == 2


def test_corrections_are_a_file_that_is_read_and_never_written(tmp_path):
    dataset = CorrectionsDataset(filepath=str(tmp_path / "export.json"))
    with pytest.raises(DatasetError, match=r"--params=corrections=path/to/file\.json"):
        dataset.load()
    Path(tmp_path / "export.json").write_bytes(b"[]")
    assert dataset.load().content == b"[]"
    with pytest.raises(DatasetError, match="read, never written"):
        dataset.save("anything")
