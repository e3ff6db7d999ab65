"""What a user reads in the terminal."""

import io
import shlex

import pytest
from rich.console import Console

from gsam_edge.coco import SplitConfig, audit, complete, split, validate, validation_report
from gsam_edge.report.console import import_summary, next_command, validation_summary


def printed(summary):
    stream = io.StringIO()
    Console(file=stream, width=120).print(summary)
    return stream.getvalue()


@pytest.fixture
def report(content, files, config):
    content["annotations"].append({"id": 99, "image_id": 1, "category_id": 3, "bbox": [1, 1, 0, 0]})
    content["categories"][0]["name"] = "bag [red]"
    return reported(content, files, config)


def reported(content, files, config):
    checked = validate(content, files(), config, source="file")
    completed = complete(checked.annotations)
    parts_config = SplitConfig(train=0.5, val=0.5, test=0, group_by="auto", labels="all")
    parts = split(completed.annotations, parts_config, seed=0)
    return validation_report(audit(checked, completed), completed.annotations, parts, parts_config, seed=0, teachers={})


def test_the_summary_says_what_came_what_is_odd_and_what_is_in_order(report):
    lines = printed(validation_summary(report)).splitlines()

    def line(*words):
        return next(line for line in lines if all(word in line for word in words))

    assert line("annotations", "5").split()[:5] == ["annotations", "5", "4", "0", "1"]
    assert line("box_without_size").split()[:4] == ["✗", "box_without_size", "1", "dropped"]
    assert line("first: annotations[4]: bbox [1, 1, 0, 0]")
    assert line("✓", "every image is there and readable")
    assert not any("no annotation was lost" in line for line in lines)
    assert line("duplicates were not looked for")
    assert line("bag [red]", "50.0%")  # a name is no markup
    assert line("test").split() == ["test", "0"]
    assert all(len(line) <= 120 for line in lines)


def test_where_nothing_is_found_a_line_says_so_and_no_table(report):
    assert "what it means" in printed(validation_summary(report))
    told = printed(validation_summary(report | {"findings": []}))
    assert "✓ nothing odd was found" in told
    assert "what it means" not in told


def test_it_says_where_nothing_but_the_area_was_fixed(content, files, config):
    for record in content["annotations"]:
        record["area"] = 7777
    report = reported(content, files, config)
    (area,) = (finding for finding in report["findings"] if finding["code"] == "area_mismatch")
    alone = report | {"findings": [area]}
    said = "fixed: the number in `area` alone"
    assert said in " ".join(printed(validation_summary(alone)).split())
    other = {"code": "box_outside", "severity": "warning", "policy": "fix", "count": 1, "meaning": "", "examples": []}
    assert said not in " ".join(printed(validation_summary(report | {"findings": [area, other]})).split())


def test_the_first_case_names_its_image_once(content, files, config):
    content["annotations"][0]["bbox"] = [1, 1, 0, 0]
    report = reported(content, files, config)
    (finding,) = (finding for finding in report["findings"] if finding["code"] == "box_without_size")
    name = finding["examples"][0]["file_name"] = "[b]" + "long/" * 30 + "a.png"
    finding["examples"][0]["detail"] = "9, " * 200
    told = " ".join(printed(validation_summary(report)).split())
    assert told.replace(" ", "").count(name) == 1  # wrapped, not cut off, and no markup
    finding["examples"][0]["detail"] = "9, " * 60 + name  # cut off in the detail, so it is named behind it
    told = " ".join(printed(validation_summary(report)).split())
    assert told.replace(" ", "").count(name) == 1
    finding["examples"][0]["detail"] = f"bbox of {name!r}"
    told = " ".join(printed(validation_summary(report)).split())
    assert told.replace(" ", "").count(name) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [("annotation_duplicate", "no object labelled twice"), ("image_listed_twice", "no image is there twice")],
)
def test_what_was_there_twice_and_is_gone_was_there_twice(content, files, config, code, said):
    report = reported(content, files, config) | {"images_compared": 3}
    assert said in printed(validation_summary(report))
    found = {"code": code, "severity": "warning", "policy": "drop", "count": 1, "meaning": "", "examples": []}
    assert said not in printed(validation_summary(report | {"findings": [*report["findings"], found]}))


def test_of_boxes_alone_nothing_is_said_of_masks(content, files, config):
    both = printed(validation_summary(reported(content, files, config)))
    assert "no object labelled twice, boxes fit their masks" in both
    for record in content["annotations"]:
        record.pop("segmentation", None)
        record.setdefault("bbox", [1, 1, 9, 9])
    text = printed(validation_summary(reported(content, files, config)))
    assert "no object labelled twice" in text
    assert "boxes fit" not in text


def test_a_lost_mask_is_no_lost_annotation_and_yet_a_loss(content, files, config):
    assert "no annotation was lost" in printed(validation_summary(reported(content, files, config)))
    content["annotations"][0]["segmentation"] = [[1, 2, 3, 4]]
    text = printed(validation_summary(reported(content, files, config)))
    assert "polygon_malformed" in text
    assert "no annotation was lost" not in text


def test_crowds_stand_apart_from_objects(content, files, config):
    content["annotations"] += [
        {"id": 50 + row, "image_id": 1, "category_id": 5, "bbox": [row, 3, 9, 9], "iscrowd": 1} for row in range(3)
    ]
    checked = validate(content, files(), config, source="file")
    completed = complete(checked.annotations)
    shares = SplitConfig(train=0.5, val=0.5, test=0, group_by="auto", labels="all")
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


def entry(code, count, where="a.txt: line 2", detail="class 7", meaning="what it means"):
    return {"code": code, "count": count, "meaning": meaning, "examples": [{"where": where, "detail": detail}]}


IMPORT = {
    "format": "labelme", "images": 8, "annotations": 20, "crowds": 4, "boxes": 6, "masks": 10,
    "per_class": {"dent": 12, "bag": 4}, "skipped": [], "notes": [],
    "account": [{"what": "images", "found": 8, "taken": 8, "left": 0, "why": {}}],
}  # fmt: skip


def line_of(text, *words):
    return next(line.split() for line in text.splitlines() if all(word in line for word in words))


def test_the_import_counts_crowds_apart_and_says_that_nothing_is_left():
    text = printed(import_summary(IMPORT))
    assert line_of(text, "labelme") == ["labelme", "8", "16", "4", "6", "10", "2", "none"]
    assert "\u2713 nothing" in text
    assert "all that was found was taken over" in text
    assert text.rstrip().splitlines()[-1].split() == ["images", "8", "8", "0"]
    listed = printed(import_summary(IMPORT | {"splits": {"val": 2, "other": 1, "train": 5}}))
    assert "train 5, val 2, other 1" in listed
    noted = printed(import_summary(IMPORT | {"notes": [entry("confidence", 4)]}))
    assert "all that was found was taken over, as the notes say" in noted  # a confidence was read past


def test_what_the_import_left_is_told_with_its_first_case_and_adds_up():
    why = {"class_unknown": 2, "image_missing": 1}
    row = {"what": "objects", "found": 9, "taken": 6, "left": 3, "why": why}
    report = IMPORT | {"skipped": [entry("class_unknown", 2, detail="class [7]")], "account": [row]}
    text = printed(import_summary(report | {"notes": [entry("rotated", 5, where="b.json", detail="")]}))
    assert "taken over" not in text
    assert line_of(text, "! class_unknown")[2:] == ["2", "what", "it", "means"]
    assert "a.txt: line 2: class [7]" in text  # a value is no markup
    assert line_of(text, "rotated")[2:] == ["5", "what", "it", "means"]
    assert text.rstrip().splitlines()[-1].split(maxsplit=6) == [
        "objects",
        "and",
        "crowds",
        "9",
        "6",
        "3",
        "class_unknown 2, image_missing 1",
    ]


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_number_of_an_import_is_cut_off(width):
    stream = io.StringIO()
    report = IMPORT | {"skipped": [entry("image_annotated_twice", 12345, where="set/" * 30 + "a.json")]}
    row = {"what": "entries of split lists", "found": 123456, "taken": 111111, "left": 12345}
    why = {"image_annotated_twice": 12345, "pairing_contradicts": 54321, "splits_incomplete": 99999}
    Console(file=stream, width=width).print(import_summary(report | {"account": [row | {"why": why}]}))
    text = stream.getvalue()
    assert all(str(number) in text for number in (123456, 111111, 12345, 54321, 99999))
    assert "image_annotated_twice" in text
    assert "\u2026" not in text
    assert all(len(line) <= width for line in text.splitlines())


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
