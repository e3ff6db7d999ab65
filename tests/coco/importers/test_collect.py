"""What the collector does for every importer: files that cannot be read, and messages that show the layout."""

import pytest

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.pairing.rule import Claim
from gsam_edge.coco.importers.pairing.splits import without_mark
from gsam_edge.coco.importers.reading import layout_of
from support.importers import Files


def collected(names, claims, unreadable, labels_lost="drop"):
    collector = Collector(Files(dict.fromkeys(names, "")), labels_lost=labels_lost)
    images = [name for name in names if name.endswith(".jpg")]
    pairs = collector.pair([Claim(name) for name in claims], images, dict.fromkeys(claims, 2), unreadable=unreadable)
    for file, image in pairs.image_of.items():
        collector.use(file)
        collector.add_object(collector.add_image(image), "dent", bbox=[0, 0, 1, 1])
    return collector


def test_an_image_of_an_unreadable_file_lost_its_labels_and_a_file_without_image_is_unreadable_all_the_same():
    names = ["a.jpg", "a.x", "b.jpg", "b.x", "gone.x"]
    collector = collected(names, ["a.x", "b.x", "gone.x"], {"b.x": "no UTF-8", "gone.x": "no UTF-8"})
    report = collector.finish("x").report
    assert {entry["code"]: entry["count"] for entry in report["skipped"]} == {"file_unreadable": 2, "labels_lost": 1}
    assert [(row["what"], row["found"], row["taken"]) for row in report["account"]] == [
        ("images", 2, 1),
        ("files", 3, 1),
        ("objects", 1, 1),
    ]
    with pytest.raises(InvalidDatasetError, match=r"those of 1 images, first b.jpg: b.x: no UTF-8; .*labels_lost=drop"):
        collected(names, ["a.x", "b.x"], {"b.x": "no UTF-8"}, "error").finish("x")
    kept = collected(names, ["a.x", "b.x"], {"b.x": "no UTF-8"}, "keep").finish("x")
    assert kept.image_names == ["a.jpg", "b.jpg"]


def test_a_message_shows_which_files_lie_where():
    names = ["README", *(f"images/{n}.JPG" for n in range(3)), "annotations/a.json", "annotations/b.json"]
    assert layout_of(Files(dict.fromkeys(names, ""))) == "images/*.JPG (3), annotations/*.json (2), * (1)"
    many = layout_of(Files({f"{n}/a.txt": "" for n in range(9)}))
    assert many == "0/*.txt (1), 1/*.txt (1), 2/*.txt (1), 3/*.txt (1), 4/*.txt (1), 5/*.txt (1), and others"
    assert layout_of(Files({})) == "no files"


def test_the_mark_of_a_list_of_a_class_is_no_part_of_the_name():
    assert [without_mark(text) for text in ("a 1", "a  -1", "a\t0", "a 2", "a")] == ["a", "a", "a", "a 2", "a"]
