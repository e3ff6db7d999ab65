"""What a user reads in the terminal."""

import io
import shlex

import pytest
from rich.console import Console

from gsam_edge.coco import SplitConfig, audit, complete, split, validate, validation_report
from gsam_edge.coco.importers import ImportConfig, import_annotations
from gsam_edge.report.console import import_summary, next_command, validation_summary


def printed(summary):
    stream = io.StringIO()
    Console(file=stream, width=120).print(summary)
    return stream.getvalue()


@pytest.fixture
def report(content, files, config):
    content["annotations"].append({"id": 99, "image_id": 1, "category_id": 3, "bbox": [1, 1, 0, 0]})
    content["categories"][0]["name"] = "bag [red]"
    checked = validate(content, files(), config, source="file")
    completed = complete(checked.annotations)
    parts_config = SplitConfig(train=0.5, val=0.5, test=0, group_by="auto")
    parts = split(completed.annotations, parts_config, seed=0)
    return validation_report(audit(checked, completed), completed.annotations, parts, parts_config, seed=0, teachers={})


def test_the_summary_says_what_came_what_is_odd_and_what_is_in_order(report):
    lines = printed(validation_summary(report)).splitlines()

    def line(*words):
        return next(line for line in lines if all(word in line for word in words))

    assert line("annotations", "5").split()[:5] == ["annotations", "5", "4", "0", "1"]
    assert line("box_without_size").split()[:4] == ["✗", "box_without_size", "1", "dropped"]
    assert line("✓", "every image is there and readable")
    assert not any("no annotation was lost" in line for line in lines)
    assert line("duplicates were not looked for")
    assert line("bag [red]", "50.0%")  # a name is no markup
    assert line("test").split() == ["test", "0"]
    assert all(len(line) <= 120 for line in lines)


def test_crowds_stand_apart_from_objects(content, files, config):
    content["annotations"] += [
        {"id": 50 + row, "image_id": 1, "category_id": 5, "bbox": [row, 3, 9, 9], "iscrowd": 1} for row in range(3)
    ]
    checked = validate(content, files(), config, source="file")
    completed = complete(checked.annotations)
    shares = SplitConfig(train=0.5, val=0.5, test=0, group_by="auto")
    parts = split(completed.annotations, shares, seed=0)
    report = validation_report(audit(checked, completed), completed.annotations, parts, shares, seed=0, teachers={})
    text = printed(validation_summary(report))
    lines = [line.split() for line in text.splitlines()]
    assert ["wire", "2", "50.0%", "2"] in [line[:4] for line in lines]
    assert ["!", "many_crowds", "3", "kept"] in [line[:4] for line in lines]
    assert "crowds, which teach nothing: 3" in " ".join(text.split())
    assert next(line for line in lines if line[:1] == ["Splits"])[3:5] == ["objects", "crowds"]


def test_of_many_classes_the_frequent_ones_are_listed(report):
    names = [f"class {c}" for c in range(30)]
    total = report["statistics"] | {
        "per_class": dict.fromkeys(names, 1), "images_per_class": dict.fromkeys(names, 1),
        "share_per_class": dict.fromkeys(names, 1 / 30),
    }  # fmt: skip
    parts = {"train": report["splits"]["train"] | {"per_class": dict.fromkeys(names, 1)}}
    text = printed(validation_summary(report | {"statistics": total, "splits": parts}))
    assert "and 18 rarer classes" in text


def test_the_import_is_summed_up():
    class Files:
        def names(self):
            return ["a.jpg", "a.txt", "classes.txt"]

        def image_names(self):
            return ["a.jpg"]

        def read(self, name):
            return {"a.txt": b"0 0.5 0.5 1 1\n7 0.5 0.5 1 1", "classes.txt": b"bag"}[name]

        def image_size(self, name):
            return 4, 6

    imported = import_annotations(Files(), "yolo", ImportConfig(class_names={}))
    text = printed(import_summary(imported.report))
    assert "! class_unknown" in text
    assert "a.txt: line 2: class 7" in text


def test_the_next_command_repeats_the_parameters():
    assert next_command("teacher_finetune", {}) == "kedro run --pipeline=teacher_finetune"
    given = {"dataset": "../bags", "split": {"train": 0.8, "val": 0.2}}
    assert next_command("x", given, "test") == (
        "kedro run --pipeline=x --env=test --params=dataset=../bags,split.train=0.8,split.val=0.2"
    )


def test_the_next_command_can_be_pasted():
    command = next_command("x", {"dataset": "../my bags; rm -r '$HOME'"}, "test")
    assert shlex.split(command) == [
        "kedro", "run", "--pipeline=x", "--env=test", "--params=dataset=../my bags; rm -r '$HOME'"
    ]  # fmt: skip
