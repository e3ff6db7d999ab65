"""A file written in another convention is recognised as a whole and read as meant; no sound one is refused."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gsam_edge.coco import Annotations, CocoValidation, InvalidDatasetError, RawCoco, validate
from support.coco_files import FolderFiles, MemoryFiles, make_config, validated_both_ways

CASES = Path(__file__).parents[3].parent / "shared" / "cases" / "data"
SEEDS = st.integers(0, 2**32 - 1)


def world(seed, *, masks=False, areas=True, count=60):
    """A sound file of objects of whole and quarter pixels, on images of several sizes."""
    rng = np.random.default_rng(seed)
    sizes = [tuple(rng.integers(60, 300, 2).tolist()) for _ in range(min(20, count))]  # height, width
    images = [{"id": i, "file_name": f"{i}.png", "height": h, "width": w} for i, (h, w) in enumerate(sizes)]
    unit = int(rng.choice([1, 4]))
    objects = []
    for number in range(count):
        height, width = sizes[number % len(sizes)]
        w, h = (int(side * unit * rng.uniform(0.1, 0.6)) / unit for side in (width, height))
        left, top = (int(rng.uniform(0, (side - own) * unit)) / unit for side, own in ((width, w), (height, h)))
        record = {
            "id": number + 1,
            "image_id": number % len(sizes),
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [left, top, w, h],
        }
        right, bottom = left + w, top + h
        if masks:
            record["segmentation"] = [[left, top, right, top, right, bottom, left, bottom]]
        objects.append(record | ({"area": w * h} if areas else {}))
    return {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "dent"}]}


def files_of(content):
    return MemoryFiles({image["file_name"]: (image["height"], image["width"]) for image in content["images"]})


def checked(content, **policies):
    """Validates the file as text and parsed; both give the same, or the same refusal."""
    return validated_both_ways(content, files_of(content), **policies)


def rewritten(content, change):
    """The file with other values in each annotation, which `change` gives for its box and its image's size."""
    size_of = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    other = copy.deepcopy(content)
    for record in other["annotations"]:
        record.update(change(record, *size_of[record["image_id"]]))
    return other


def corners(record, width, height):
    left, top, w, h = record["bbox"]
    return {"bbox": [left, top, left + w, top + h]}


def centres(record, width, height):
    left, top, w, h = record["bbox"]
    return {"bbox": [left + w / 2, top + h / 2, w, h]}


def mirrored(record, width, height):
    left, top, w, h = record["bbox"]
    return {"bbox": [left, height - top - h, w, h]}


def from_one(record, width, height):
    left, top, w, h = record["bbox"]
    return {"bbox": [left + 1, top + 1, w, h]}


def from_one_to_last(record, width, height):
    left, top, w, h = record["bbox"]
    return {"bbox": [left + 1, top + 1, w - 1, h - 1]}


def shares(record, width, height):
    left, top, w, h = record["bbox"]
    changes = {"bbox": [left / width, top / height, w / width, h / height]}
    if "area" in record:
        changes["area"] = record["area"] / width / height
    if "segmentation" in record:
        scale = [width, height] * 4
        changes["segmentation"] = [[v / s for v, s in zip(record["segmentation"][0], scale, strict=True)]]
    return changes


def percentages_of_boxes(record, width, height):
    return {"bbox": [100 * value for value in shares(record, width, height)["bbox"]]}


def percentages_of_outlines(record, width, height):
    return {"segmentation": [[100 * value for value in shares(record, width, height)["segmentation"][0]]]}


def shares_of_outlines(record, width, height):
    return {"segmentation": shares(record, width, height)["segmentation"]}


FORMS = [
    ("boxes_as_corners", corners, {"areas": True}),
    ("boxes_as_corners", corners, {"areas": False}),
    ("boxes_as_corners", corners, {"masks": True, "areas": False, "count": 20}),
    ("boxes_as_corners", corners, {"masks": True}),
    ("boxes_as_corners", corners, {"count": 8}),
    ("boxes_as_centres", centres, {"areas": True}),
    ("boxes_as_centres", centres, {"masks": True, "count": 20}),
    ("boxes_mirrored", mirrored, {"masks": True}),
    ("boxes_from_one", from_one, {"masks": True}),
    ("boxes_from_one", from_one_to_last, {"masks": True}),
    ("coordinates_as_shares", shares, {"areas": True}),
    ("coordinates_as_shares", shares, {"masks": True, "count": 5}),
    ("coordinates_as_shares", shares_of_outlines, {"masks": True}),
    ("coordinates_as_shares", percentages_of_boxes, {"areas": True}),
    ("coordinates_as_shares", percentages_of_boxes, {"masks": True}),
    ("coordinates_as_shares", percentages_of_outlines, {"masks": True}),
]


@pytest.mark.parametrize(("code", "form", "kind"), FORMS)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
@example(seed=0)
def test_a_file_in_another_convention_is_recognised_and_read_as_meant(code, form, kind, seed):
    sound = world(seed, **kind)
    other = rewritten(sound, form)
    message = checked(other)
    assert isinstance(message, str)
    assert message.count(f"validation.policies.{code}=") == 1  # what to do is said once
    assert f"--params=validation.policies.{code}=fix reads the file so, =keep takes it as it stands" in message
    assert "annotation 1 of '0.png'" in message
    read = checked(other, **{code: "fix"})
    assert {(f.code, f.policy, f.count) for f in read.findings} == {(code, "fix", len(sound["annotations"]))}
    assert read.objects.fixed == read.objects.total == len(sound["annotations"])
    for now, before in zip(read.annotations.objects, sound["annotations"], strict=True):
        assert now == before


@pytest.mark.parametrize(("code", "form", "kind"), FORMS[:12])
def test_kept_it_goes_on_as_it_stands_with_the_finding(code, form, kind):
    other = rewritten(world(3, **kind), form)
    result = checked(other, **{code: "keep"}, box_outside="keep", area_mismatch="keep")
    found = next(finding for finding in result.findings if finding.code == code)
    assert (found.severity, found.policy, found.count) == ("error", "keep", len(other["annotations"]))
    assert result.findings[0] is found
    assert [record["bbox"] for record in result.annotations.objects] == [r["bbox"] for r in other["annotations"]]


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, masks=st.booleans(), areas=st.booleans(), count=st.integers(1, 80))
def test_a_sound_file_is_never_refused(seed, masks, areas, count):
    content = world(seed, masks=masks, areas=areas, count=count)
    assert checked(content).findings == ()


def untidy(seed, kind, count):
    """Sound files whose boxes look alike in some way, with the faults that labelling by hand leaves."""
    rng = np.random.default_rng(seed)
    content = world(seed, areas=bool(rng.integers(2)), masks=bool(rng.integers(2)), count=count)
    for record in content["annotations"]:
        image = content["images"][record["image_id"]]
        wh = np.array([image["width"], image["height"]])
        if kind == "one large object on each image":
            low = rng.integers(0, np.maximum(wh // 10, 1))
            side = wh - low - rng.integers(-2, 5, 2)
        elif kind == "all near the origin":
            low, side = rng.integers(0, 6, 2), rng.integers(6, wh // 2)
        elif kind == "the same box on each image":
            low, side = np.array([10, 12]), np.array([30, 44])
        elif kind == "one side passes the edge a little":
            side = rng.integers(4, wh // 2)
            low = np.where(rng.random(2) < 0.3, wh - side + rng.integers(0, 3, 2), rng.integers(0, wh - side))
        else:
            low, side = rng.integers(0, wh // 2), rng.integers(1, 4, 2)
        record["bbox"] = [*low.tolist(), *side.tolist()]
        if "area" in record:
            record["area"] = int(side.prod())
        if "segmentation" in record:  # an ellipse in its box, loosely drawn
            angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
            ring = low + side / 2 + np.stack([np.cos(angle), np.sin(angle)], axis=1) * side / 2 * rng.uniform(0.8, 1.1)
            record["segmentation"] = [np.clip(ring, 0, wh).ravel().tolist()]
    return content


KINDS = [
    "one large object on each image", "all near the origin", "the same box on each image",
    "one side passes the edge a little", "tiny ones",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, count=st.integers(1, 100))
def test_an_untidy_file_is_not_taken_for_another_convention(kind, seed, count):
    result = checked(untidy(seed, kind, count))
    assert not isinstance(result, str), result


def test_one_record_with_a_fault_does_not_hide_the_convention():
    other = rewritten(world(1), corners)
    other["annotations"][5] |= {"bbox": [1, 2, 3]}
    other["annotations"][6] |= {"iscrowd": True, "id": "7"}
    other["annotations"][7] |= {"image_id": 99}
    result = checked(other, boxes_as_corners="fix")
    assert {f.code: f.count for f in result.findings}["boxes_as_corners"] == 58
    assert result.objects.total == 60 == result.objects.fixed + result.objects.dropped


@pytest.mark.parametrize("text", [lambda box: [str(value) for value in box], str, lambda box: " ".join(map(str, box))])
@pytest.mark.parametrize(("code", "form"), [("boxes_as_corners", corners), ("coordinates_as_shares", shares)])
def test_numbers_as_text_do_not_hide_the_convention(code, form, text):
    content = world(3)
    written = rewritten(content, form)
    for record in written["annotations"]:
        record["bbox"] = text(record["bbox"])
    assert f"({code}: " in checked(written)
    plain = checked(content).annotations.columns.xywh
    np.testing.assert_allclose(checked(written, **{code: "fix"}).annotations.columns.xywh, plain, atol=1e-4)


@pytest.mark.parametrize("layout", [lambda p: p[0], lambda p: [[p[0][i : i + 2] for i in range(0, len(p[0]), 2)]]])
def test_another_layout_of_polygons_does_not_hide_that_they_are_shares(layout):
    written = rewritten(world(3, masks=True), shares_of_outlines)
    for record in written["annotations"]:
        record["segmentation"] = layout(record["segmentation"])
    assert "(coordinates_as_shares: " in checked(written)


def test_the_example_shows_the_outline_where_outlines_are_meant():
    message = checked(rewritten(world(3, masks=True), shares_of_outlines))
    assert re.search(r"has the bbox \[[^]]*\] and the segmentation \[\[0\.", message)


@pytest.mark.parametrize("side", [1, 2, 3])
@pytest.mark.parametrize("short", [0, 1])
def test_objects_of_a_few_pixels_are_not_taken_for_another_convention(side, short):
    """Outlines from pixel to pixel miss one: of a few pixels little is left, which agrees with any reading."""
    content = world(4, count=40)
    for record in content["annotations"]:
        left, top = (int(value) for value in record["bbox"][:2])
        right, bottom = left + side - short, top + side - short
        record |= {"bbox": [left, top, side, side], "area": side * side}
        record["segmentation"] = [[left, top, right, top, right, bottom, left, bottom]]
    assert isinstance(checked(content, masks_gone="keep"), CocoValidation)


@pytest.mark.parametrize("masks", [False, True])
def test_percentages_alone_show_by_where_they_lie_on_large_images(masks):
    """Without areas, all boxes in the first hundred pixels of large images, up to the last of them, leave no doubt."""
    content = world(5, masks=masks, areas=False)
    for image in content["images"]:
        image |= {"width": 4 * image["width"] + 100, "height": 4 * image["height"] + 100}
    spread = [[x, y, 15.25, 20.5] for x in (0, 40.5, 84) for y in (3.5, 30, 50, 62, 70.5, 75, 78.75)]
    for record, box in zip(content["annotations"], spread * 3, strict=False):
        left, top, w, h = record["bbox"] = list(box)
        if masks:
            record["segmentation"] = [[left, top, left + w, top, left + w, top + h, left, top + h]]
    assert "boxes in percentages (0 to 100)" in checked(content)
    (found,) = [f for f in checked(content, coordinates_as_shares="fix").findings if f.code == "coordinates_as_shares"]
    assert found.count == (120 if masks else 60)
    for record in content["annotations"]:
        if record["bbox"][0] == 84:
            record["bbox"][0] = 70
            record.pop("segmentation", None)
    assert isinstance(checked(content), CocoValidation)


def test_corners_of_shares_are_two_findings():
    sound = world(2)
    other = rewritten(rewritten(sound, corners), shares)
    assert "coordinates_as_shares=fix" in checked(other)
    assert "boxes_as_corners=fix" in checked(other, coordinates_as_shares="fix", area_mismatch="keep")
    result = checked(other, coordinates_as_shares="fix", boxes_as_corners="fix")
    assert [record["bbox"] for record in result.annotations.objects] == [r["bbox"] for r in sound["annotations"]]


def test_boxes_that_reach_one_pixel_past_their_image_count_from_one():
    sound = world(4, areas=False)
    for record in sound["annotations"][:12]:
        image = sound["images"][record["image_id"]]
        record["bbox"] = [image["width"] - 20, 0, 20, 10 + record["id"]]
    for record in sound["annotations"]:
        record["bbox"] = [int(value) for value in record["bbox"]]
    other = rewritten(sound, from_one)
    assert "boxes_from_one=fix" in checked(other)
    result = checked(other, boxes_from_one="fix")
    assert [record["bbox"] for record in result.annotations.objects] == [r["bbox"] for r in sound["annotations"]]


def test_a_large_file_is_judged_by_a_part_and_read_as_a_whole():
    sound = world(5, count=6000)
    result = checked(rewritten(sound, corners), boxes_as_corners="fix", annotation_duplicate="keep")
    assert {f.code: f.count for f in result.findings}["boxes_as_corners"] == 6000
    assert [record["bbox"] for record in result.annotations.objects] == [r["bbox"] for r in sound["annotations"]]


def test_many_crowds_are_said_and_may_become_objects():
    content = world(6, masks=True)
    for record in content["annotations"][::3]:
        record["iscrowd"] = 1
    kept = checked(content)
    assert {(f.code, f.policy, f.severity, f.count) for f in kept.findings} == {("many_crowds", "keep", "warning", 20)}
    assert "validation.policies.many_crowds=fix" in kept.findings[0].meaning
    detail = kept.findings[0].examples[0]["detail"]
    assert (
        detail == "20 of 60 annotations are crowds; the first is annotation 1 of '0.png'"
    )  # the meaning is not repeated
    assert kept.objects.kept == 60
    fixed = checked(content, many_crowds="fix")
    assert {(f.code, f.policy, f.count) for f in fixed.findings} == {("many_crowds", "fix", 20)}
    assert (fixed.objects.kept, fixed.objects.fixed) == (40, 20)
    assert not fixed.annotations.columns.is_crowd.any()
    assert {record["iscrowd"] for record in fixed.annotations.objects} == {0}


def test_few_crowds_are_as_they_should_be():
    content = world(6, masks=True)
    for record in content["annotations"][:5]:
        record["iscrowd"] = 1
    assert checked(content).findings == ()


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_crowds_are_no_pattern(count):
    content = world(6, masks=True, count=6)
    for record in content["annotations"][:count]:
        record["iscrowd"] = 1
    assert checked(content).findings == ()


def test_a_file_of_crowds_alone_names_the_way_out():
    content = world(7, masks=True)
    for record in content["annotations"]:
        record["iscrowd"] = 1
    message = checked(content)
    assert "got 60 crowds" in message
    assert "validation.policies.many_crowds=fix" in message
    assert checked(content, many_crowds="fix").objects.fixed == 60


@pytest.fixture
def case():
    """Reads a shared case: its JSON text and its image files."""

    def read(name):
        folder = CASES / name / "input"
        if not folder.is_dir():
            pytest.skip(f"the shared case {name} is not here: no folder {folder}")
        return (folder / "annotations.json").read_bytes(), FolderFiles(folder)

    return read


def test_the_case_of_corners(case):
    text, files = case("coco_boxes_as_corners")
    before = json.loads(text)["annotations"]
    with pytest.raises(InvalidDatasetError, match=r"48 of 48 .*look like corners.*33 leave their image.*=fix"):
        validate(RawCoco.parse(text).content, files, make_config(), source="file")
    config = make_config(policies={"boxes_as_corners": "fix"})
    result = validate(RawCoco.parse(text).content, files, config, source="file")
    assert [(f.code, f.count) for f in result.findings] == [("boxes_as_corners", 48)]
    for now, old in zip(result.annotations.objects, before, strict=True):
        left, top, right, bottom = old["bbox"]
        assert now == old | {"bbox": [left, top, right - left, bottom - top]}


def test_the_case_of_shares(case):
    text, files = case("coco_boxes_as_shares")
    with pytest.raises(InvalidDatasetError, match=r"48 of 48 boxes lie within the first pixel.*bbox \[0\.4625"):
        validate(RawCoco.parse(text).content, files, make_config(), source="file")
    config = make_config(policies={"coordinates_as_shares": "fix"})
    result = validate(RawCoco.parse(text).content, files, config, source="file")
    assert result.annotations.objects[0]["bbox"] == [74, 73, 54, 40]
    assert all(value == round(value) for record in result.annotations.objects for value in record["bbox"])


def test_the_case_of_brush_masks(case):
    text, files = case("coco_brush_masks_as_crowd")
    result = validate(RawCoco.parse(text).content, files, make_config(), source="file")
    assert [(f.code, f.policy, f.count) for f in result.findings] == [("many_crowds", "keep", 16)]
    assert result.annotations.image_class_counts.sum(axis=0).tolist() == [16, 16]
    config = make_config(policies={"many_crowds": "fix"})
    result = validate(RawCoco.parse(text).content, files, config, source="file")
    assert result.annotations.image_class_counts.sum(axis=0).tolist() == [24, 24]


@pytest.mark.parametrize("name", ["bccd", "deeppcb", "dsb2018", "wagon_seals"])
@pytest.mark.parametrize(("code", "form"), [("boxes_as_corners", corners), ("coordinates_as_shares", shares)])
def test_real_boxes_in_another_convention_are_recognised(real, name, code, form):
    content, _ = real(name)
    if "bbox" not in content["annotations"][0]:
        pytest.skip(f"{name} has no boxes")
    for record in content["annotations"]:  # of the box alone
        record.pop("segmentation", None)
    assert f"validation.policies.{code}=fix" in checked(rewritten(content, form))


def test_what_was_read_as_meant_has_the_identity_of_the_file_that_is_written():
    for code, form, kind in FORMS:
        fixed = checked(rewritten(world(8, **kind), form), **{code: "fix"}).annotations
        again = Annotations.from_json(fixed.to_json())
        assert again == fixed
        assert again.digest == fixed.digest
