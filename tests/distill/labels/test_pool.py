"""The images without used labels: which they are, what they are called, and that nobody's labels come with them."""

import os
import tracemalloc
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.annotations import SOURCE, SPLIT
from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.scan import ScannedImage
from gsam_edge.coco.needs import Need
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.reports import ReportDataset
from gsam_edge.distill.arms.table import ARMS, ORACLE
from gsam_edge.distill.labels.pool import UNLABELLED, PooledImages, collect_pool, pool_or_all_unlabelled
from gsam_edge.pipelines.distillation import create_pipeline as distillation
from gsam_edge.pipelines.distillation.nodes import collect_pool as collect_pool_node
from gsam_edge.pipelines.evaluation import create_pipeline as evaluation
from gsam_edge.pipelines.optimization import create_pipeline as optimization
from gsam_edge.pipelines.review import create_pipeline as review
from gsam_edge.pipelines.teacher_finetune import create_pipeline as teachers
from gsam_edge.teachers.table import TeacherChoice
from gsam_edge.vision.images import ImageError

FOUND = Need(True, "all objects have boxes")


def encoded(number: int, *, size=(30, 20), kind="PNG", **options) -> bytes:
    """An image of its own for each number."""
    buffer = BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(number: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(number, kind="JPEG", exif=exif)


@pytest.fixture
def folder(tmp_path):
    """Images 1..4 of the dataset and a folder of unlabelled ones."""
    (tmp_path / "unlabelled" / "line 2").mkdir(parents=True)
    for number in (1, 2, 3, 4):
        (tmp_path / f"{number}.png").write_bytes(encoded(number))
    return tmp_path


def split_of(*numbers: int, **keys) -> Annotations:
    """Splits with one object in each image, and further keys in each image record."""
    images = tuple({"id": n, "file_name": f"{n}.png", "width": 30, "height": 20, **keys} for n in numbers)
    objects = tuple({"id": n, "image_id": n, "category_id": 7, "bbox": [1, 1, 9, 9]} for n in numbers)
    return Annotations(images, objects, ({"id": 7, "name": "ear"},), {SOURCE: "s", SPLIT: "d", "licenses": []})


def collected(folder, *, held_back=(4,), finder=FOUND, scanned=None):
    used = {"train": split_of(1), "val": split_of(2), "test": split_of(3)}
    images, unlabelled = (ImageFolder(place, max_pixels=10**6) for place in (folder, folder / "unlabelled"))
    seen = {} if scanned is None else scanned
    return collect_pool(split_of(*held_back), used, images, unlabelled, finder=finder, scanned=seen)


def test_the_pool_holds_the_images_without_used_labels(folder):
    (folder / "unlabelled" / "a.png").write_bytes(encoded(10))
    (folder / "unlabelled" / "line 2" / "4.png").write_bytes(encoded(11))
    (folder / "unlabelled" / "turned.jpg").write_bytes(turned(12))
    pool = collected(folder)
    records = [(r["file_name"], r["width"], r["height"]) for r in pool.annotations.images]
    assert records == [
        ("4.png", 30, 20),
        (f"{UNLABELLED}a.png", 30, 20),
        (f"{UNLABELLED}line 2/4.png", 30, 20),
        (f"{UNLABELLED}turned.jpg", 20, 30),
    ]
    known, *others = (record["id"] for record in pool.annotations.images)
    assert known == 4
    assert len(set(others)) == 3
    assert all(image_id > 4 for image_id in others)
    assert (pool.annotations.split_digest, pool.annotations.source) == ("d", "s")
    assert pool.report == {"images": 4, "held_back": 1, "unlabelled": 3, "unreadable": {}, "copies": {}}
    images = PooledImages(ImageFolder(folder, max_pixels=999), ImageFolder(folder / "unlabelled", max_pixels=999))
    for record in pool.annotations.images:
        assert images[record["file_name"]].shape[:2] == (record["height"], record["width"])
    assert images.digest(f"{UNLABELLED}line 2/4.png") != images.digest("4.png")


def test_the_id_of_an_unlabelled_image_stays_with_its_bytes(folder):
    """Labels of an earlier state of the folder could otherwise be given to another image."""

    def file_of_id():
        images = ImageFolder(folder / "unlabelled", max_pixels=999)
        pooled = PooledImages(ImageFolder(folder, max_pixels=999), images)
        return {record["id"]: pooled.digest(record["file_name"]) for record in collected(folder).annotations.images}

    for number in (10, 11, 12):
        (folder / "unlabelled" / f"{number}.png").write_bytes(encoded(number))
    before = file_of_id()
    (folder / "unlabelled" / "0.png").write_bytes(encoded(9))
    (folder / "unlabelled" / "11.png").write_bytes(encoded(13))
    (folder / "unlabelled" / "12.png").rename(folder / "unlabelled" / "line 2" / "x.png")
    after = file_of_id()
    assert len(after) == len(before) + 1
    common = before.keys() & after.keys()
    assert len(common) == 3  # that of the dataset, and two that stayed
    assert all(before[image_id] == after[image_id] for image_id in common)


def test_no_name_leads_out_of_its_folder(folder):
    images = PooledImages(ImageFolder(folder / "unlabelled", max_pixels=999), ImageFolder(folder, max_pixels=999))
    for name in ("../1.png", f"{UNLABELLED}../1.png", f"{UNLABELLED}/etc/passwd"):
        for read in (images.__getitem__, images.digest):
            with pytest.raises(ImageError):
                read(name)


def test_what_cannot_be_read_is_named_and_counted_and_ends_nothing(folder, caplog):
    (folder / "unlabelled" / "a.png").write_bytes(encoded(10))
    (folder / "unlabelled" / "cut.png").write_bytes(encoded(11)[:400])
    (folder / "unlabelled" / "empty.jpg").write_bytes(b"")
    (folder / "unlabelled" / "gone.png").symlink_to("gone away.png")
    (folder / "unlabelled" / "loop.png").symlink_to("loop.png")
    (folder / "unlabelled" / os.fsdecode(b"\xff.png")).write_bytes(encoded(12))
    pool = collected(folder)
    assert pool.report["unlabelled"] == 1
    assert set(pool.report["unreadable"]) == {"cut.png", "empty.jpg", "gone.png", "loop.png", "\\udcff.png"}
    ReportDataset(filepath=str(folder / "report.json")).save(pool.report)
    assert "5 files cannot be read" in caplog.text
    assert "cut.png" in caplog.text


def test_copies_of_images_of_the_splits_are_left_out(folder, caplog):
    """Truth stands beside the first, labels are chosen by the second, students are measured on the third."""
    for number in (1, 2, 3, 4, 10):
        (folder / "unlabelled" / f"copy of {number}.png").write_bytes(encoded(number))
    (folder / "unlabelled" / "later.png").write_bytes(encoded(10))
    (folder / "5.png").write_bytes(encoded(3))
    pool = collected(folder, held_back=(4, 5))
    assert [record["file_name"] for record in pool.annotations.images] == ["4.png", f"{UNLABELLED}copy of 10.png"]
    copies = {part: [name.removeprefix(UNLABELLED) for name in names] for part, names in pool.report["copies"].items()}
    assert copies == {
        "train": ["copy of 1.png"], "val": ["copy of 2.png"], "test": ["5.png", "copy of 3.png"],
        "held_back": ["copy of 4.png"], "unlabelled": ["later.png"],
    }  # fmt: skip
    assert "same bytes as one of test and are left out: 5.png" in caplog.text


def test_nothing_that_a_person_said_comes_into_the_pool(folder):
    """Neither objects nor keys of images; whatever the held-back labels say, the pool is the same."""
    images, nothing = ImageFolder(folder, max_pixels=999), ImageFolder(folder / "none", max_pixels=999)
    choice = TeacherChoice(finder="grounding_dino", outliner="sam")

    def pool_with(held_back):
        used = (split_of(1), split_of(2), split_of(3))
        return collect_pool_node(held_back, *used, images, nothing, {}, choice)

    truth = split_of(4, grade="bad", extra={"defect": "dent"})
    other = replace(truth, images=split_of(4).images, objects=({**truth.objects[0], "bbox": [3, 3, 5, 5]},))
    (pool, report), (pool_of_other, report_of_other) = pool_with(truth), pool_with(other)
    assert not pool.objects
    assert pool.digest == pool_of_other.digest
    assert report == report_of_other


def test_held_back_labels_reach_nobody_who_teaches_or_learns():
    """But the oracle, in its arms: the pool takes the images alone, one report compares with the truth, one counts."""
    nodes = [node for create in (distillation, evaluation, optimization, review, teachers) for node in create().nodes]
    readers = {node.name.split(".")[-1] for node in nodes if "annotations_held_back" in node.inputs}
    arms = {"distil_student", "train_controls"}
    assert readers == {"collect_pool", "check_labels", "report_distillation"} | arms
    assert [name for name, arm in ARMS.items() if arm.held_back] == [ORACLE]
    whole = {"raw_annotations", "annotations_sound", "annotations_checked"}  # of which they are a part
    assert not [node.name for node in nodes if whole & set(node.inputs)]


def test_teachers_that_are_given_the_true_boxes_label_no_pool(folder):
    (folder / "unlabelled" / "a.png").write_bytes(encoded(10))
    pool = collected(folder, finder=Need(False, "the annotations hold no boxes"))
    assert not pool.annotations.images
    assert pool.annotations.class_names == ("ear",)
    assert pool.report["why"] == (
        "the teachers must be given the true boxes, since no finder is needed: the annotations hold no boxes"
    )


def test_people_may_label_what_no_teacher_does(folder):
    (folder / "unlabelled" / "new.png").write_bytes(encoded(9))
    (folder / "unlabelled" / "copy.png").write_bytes(encoded(2))
    empty = collected(folder, finder=Need(False, "the annotations hold no boxes"))
    used = {"train": split_of(1), "val": split_of(2), "test": split_of(3)}
    images = ImageFolder(folder, max_pixels=10**6), ImageFolder(folder / "unlabelled", max_pixels=10**6)
    found = pool_or_all_unlabelled(empty, used, *images, is_labelled=False, scanned={})
    assert [image["file_name"] for image in found.annotations.images] == [UNLABELLED + "new.png"]
    assert found.report["copies"] == {"val": [UNLABELLED + "copy.png"]}
    assert pool_or_all_unlabelled(empty, used, *images, is_labelled=True, scanned={}) is empty


def test_without_held_back_and_unlabelled_images_the_pool_is_empty_with_its_reason(folder):
    pool = collected(folder, held_back=())
    assert not pool.annotations.images
    assert "no labels are held back (split.labels)" in pool.report["why"]
    (folder / "unlabelled" / "1.png").write_bytes(encoded(1))
    assert collected(folder, held_back=()).report["why"] == "all its images are copies of images of the splits"


def test_a_name_of_the_dataset_that_could_be_one_of_the_pool_is_refused(folder):
    (folder / f"{UNLABELLED}x.png").write_bytes(encoded(9))
    named = replace(split_of(4), images=({"id": 4, "file_name": f"{UNLABELLED}x.png", "width": 30, "height": 20},))
    with pytest.raises(InvalidDatasetError, match="rename it"):
        collect_pool(named, {}, {}, ImageFolder(folder / "unlabelled", max_pixels=9), finder=FOUND, scanned={})


def test_a_second_collection_decodes_nothing(folder, monkeypatch):
    (folder / "unlabelled" / "a.png").write_bytes(encoded(10))
    scanned = {}
    first = collected(folder, scanned=scanned)
    monkeypatch.setattr("gsam_edge.datasets.images.scan_image", lambda *_, **__: pytest.fail("decoded again"))
    second = collected(folder, scanned=scanned)
    assert (first.annotations.digest, first.report) == (second.annotations.digest, second.report)


@pytest.mark.slow
def test_a_hundred_thousand_unlabelled_images_need_the_memory_of_their_records():
    """Some 1.5 kB each at the peak, whatever an image's size."""

    class Files:
        def __iter__(self):
            return (f"{number:06}.jpg" for number in range(100_000))

        def stamp(self, file_name):
            return "1"

        def inspect(self, file_name):
            facts = ImageFacts(4000, 3000, "RGB", f"{int(file_name[:6]):06}".ljust(64, "0"), bytes(32))
            return ScannedImage(3000, 4000, facts)

    class Forgetful(dict):
        def __setitem__(self, key, value):
            pass

    tracemalloc.start()
    pool = collect_pool(split_of(), {}, {}, Files(), finder=FOUND, scanned=Forgetful())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pool.annotations.images) == 100_000
    assert peak < 150e6
