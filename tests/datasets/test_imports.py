"""Foreign folders are read and never left; what is made of them appears whole and replaces nothing foreign."""

import base64
import io
import json
import os

import pytest
from kedro.io import DatasetError
from PIL import Image

from gsam_edge.coco.importers import ImportConfig, import_annotations
from gsam_edge.datasets.imports import ForeignFolderDataset, ImportedFolderDataset
from gsam_edge.vision.errors import FileError
from gsam_edge.vision.images import ImageError


def png(size=(6, 4)):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def source(tmp_path):
    """A YOLO folder beside a secret."""
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "images" / "a.png").write_bytes(png())
    (folder / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5")
    (folder / "classes.txt").write_text("bag")
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    return folder


def load(folder, **limits):
    limits = {"max_pixels": 1000, "max_bytes": 1000} | limits
    return ForeignFolderDataset(filepath=str(folder), **limits).load()


def test_a_folder_is_read_and_not_left(source):
    files = load(source)
    assert files.names() == ("classes.txt", "images/a.png", "labels/a.txt")
    assert files.image_names() == ("images/a.png",)
    assert files.read("classes.txt") == b"bag"
    assert files.image_size("images/a.png") == (4, 6)
    for name in ("../secret.png", "images/link.png", str(source.parent / "secret.png")):
        with pytest.raises(FileError, match="expected a file inside"):
            files.read(name)
        with pytest.raises(ImageError, match="expected a file inside"):
            files.image_size(name)


def test_limits_are_kept(source):
    with pytest.raises(FileError, match="expected at most 2 bytes, got 3"):
        load(source, max_bytes=2).read("classes.txt")
    with pytest.raises(ImageError, match="expected at most 20 pixels"):
        load(source, max_pixels=20).image_size("images/a.png")


def test_a_missing_folder_and_a_save_are_refused(tmp_path):
    dataset = ForeignFolderDataset(filepath=str(tmp_path / "no"), max_pixels=1, max_bytes=1)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"expected a folder with images and annotations.*--params=source="):
        dataset.load()
    with pytest.raises(DatasetError):
        dataset.save({})


def imported(source):
    files = load(source)
    return import_annotations(
        files, "yolo", ImportConfig(class_names={}, labels_lost="drop", unlisted_images="empty")
    ), files


def test_the_import_is_a_dataset_and_can_be_repeated(source, tmp_path):
    target = tmp_path / "imported"
    dataset = ImportedFolderDataset(filepath=str(target))
    assert not dataset.exists()
    for _ in range(2):
        dataset.save(imported(source))
    assert dataset.exists()
    content = json.loads((target / "annotations.json").read_text())
    assert content["annotations"][0]["bbox"] == [1.5, 1, 3, 2]
    assert (target / content["images"][0]["file_name"]).read_bytes() == png()
    names = {path.name for path in target.iterdir()}
    assert names == {"annotations.json", "images", "import_report.json", ".gsam_edge_import"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_image_that_lies_inside_its_annotations_becomes_a_file(tmp_path):
    folder = tmp_path / "labelme"
    folder.mkdir()
    box = {"label": "bag", "shape_type": "rectangle", "points": [[0, 0], [3, 3]]}
    document = {"shapes": [box], "imagePath": "/home/jo/a.png", "imageData": base64.b64encode(png()).decode()}
    (folder / "a.json").write_text(json.dumps(document))
    files = load(folder)
    result = import_annotations(
        files, "labelme", ImportConfig(class_names={}, labels_lost="drop", unlisted_images="empty")
    )
    ImportedFolderDataset(filepath=str(tmp_path / "ours")).save((result, files))
    assert (tmp_path / "ours" / "a.png").read_bytes() == png()


def test_nothing_foreign_is_replaced(source, tmp_path):
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError, match="expected an empty folder or one of an earlier import"):
        ImportedFolderDataset(filepath=str(target)).save(imported(source))
    assert (target / "thesis.txt").read_text() == "years of work"
    for folder in (source, source.parent, source / "coco", source / "images"):
        with pytest.raises(DatasetError, match="expected a folder apart from the source"):
            ImportedFolderDataset(filepath=str(folder)).save(imported(source))
    assert not (source / "coco").exists()
    (target / "thesis.txt").unlink()
    ImportedFolderDataset(filepath=str(target)).save(imported(source))
    assert (target / "annotations.json").is_file()


@pytest.mark.parametrize("other", ["import_report.json", "annotations.json"])
def test_a_folder_with_a_report_or_with_annotations_of_others_is_not_replaced(source, tmp_path, other):
    target = tmp_path / "08_reporting"
    target.mkdir()
    for name in (other, "validation_report.json"):
        (target / name).write_text("{}")
    with pytest.raises(DatasetError, match="expected an empty folder or one of an earlier import"):
        ImportedFolderDataset(filepath=str(target)).save(imported(source))
    assert (target / "validation_report.json").read_text() == "{}"


def test_every_format_that_is_read_is_listed(source):
    for suffix in (".gif", ".jp2", ".ppm", ".PGM", ".eps", ".svg"):
        (source / "images" / f"z{suffix}").write_bytes(png())
    assert load(source).image_names() == (
        "images/a.png", "images/z.PGM", "images/z.gif", "images/z.jp2", "images/z.ppm"
    )  # fmt: skip


def test_names_that_are_no_utf8_do_not_end_an_import(source, tmp_path):
    for folder, suffix in (("images", ".png"), ("labels", ".txt")):
        odd = os.fsencode(source / folder) + b"/\xff" + suffix.encode()
        with open(odd, "wb") as stream:
            stream.write((source / folder / f"a{suffix}").read_bytes())
    ImportedFolderDataset(filepath=str(tmp_path / "ours")).save(imported(source))
    report = json.loads((tmp_path / "ours" / "import_report.json").read_text(encoding="utf-8"))
    assert [(entry["code"], entry["count"]) for entry in report["skipped"]] == [
        ("name_not_utf8", 1), ("image_unreadable", 1),  # the image, and the label file of it
        ("link_outside", 1),
    ]  # fmt: skip


def test_links_out_of_the_folder_are_named(source, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (source / "photos").symlink_to(tmp_path / "elsewhere")
    (source / "gone.txt").symlink_to(tmp_path / "not there")
    (source / "again").symlink_to(source / "images")
    files = load(source)
    assert files.links_outside() == ("gone.txt", "images/link.png", "photos")
    imported = import_annotations(
        files, "yolo", ImportConfig(class_names={0: "bag"}, labels_lost="drop", unlisted_images="empty")
    )
    (entry,) = [entry for entry in imported.report["skipped"] if entry["code"] == "link_outside"]
    assert [example["where"] for example in entry["examples"]] == ["gone.txt", "images/link.png", "photos"]
