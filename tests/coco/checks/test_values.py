"""Values in disguise come to what they stand for, whichever way the file is read, and are said."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsam_edge.coco import RawCoco, validate
from gsam_edge.coco.checks.ids import Ids
from support.coco_files import MemoryFiles, make_config, validations_are_equal

FILES = dict.fromkeys(["a.png", "b.png", "c.png"], (40, 50))
SQUARE = [10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]
#: The findings of what was read otherwise.
SAID = {"number_as_text", "id_not_integer", "id_renumbered", "polygon_in_other_layout"}


def content():
    shapes = [
        {"bbox": [10.0, 10.0, 10.0, 10.0], "segmentation": [SQUARE], "area": 100.0},
        {"segmentation": [SQUARE, [30.0, 30.0, 35.5, 30.0, 35.5, 38.0]], "area": 122.0},
        {"segmentation": {"size": [40, 50], "counts": [0, 80, 1920]}},
        {"bbox": [1.5, 2.5, 10.25, 20.0]},
    ]
    return {
        "images": [{"id": i, "file_name": f"{name}.png", "height": 40, "width": 50} for i, name in enumerate("abc", 1)],
        "annotations": [
            {"id": row, "image_id": 1 + row % 3, "category_id": 1 + row % 2, **shape}
            for row, shape in enumerate(shapes * 2, 1)
        ],
        "categories": [{"id": 1, "name": "bag"}, {"id": 2, "name": "wire"}],
    }


def both_ways(value):
    config, files = make_config(), MemoryFiles(FILES)
    text = json.dumps(value).encode()
    one = validate(RawCoco.parse(text).content, files, config, source="file")
    assert validations_are_equal(one, validate(json.loads(text), files, config, source="file"))
    return one


def meant(result):
    """What the annotations say, by names: ids, the order of keys and whether a number is whole aside."""
    names = {image["id"]: image["file_name"] for image in result.annotations.images}
    classes = {category["id"]: category["name"] for category in result.annotations.categories}
    return [
        (names[record["image_id"]], classes[record["category_id"]], *map(record.get, ("bbox", "segmentation", "area")))
        for record in result.annotations.objects
    ]


def as_text(draw, value):
    """Any of the numbers of a value as text."""
    if isinstance(value, list):
        return [as_text(draw, part) for part in value]
    if isinstance(value, dict):
        return {key: as_text(draw, part) for key, part in value.items()}
    return draw(st.sampled_from([value, str(value), f" {value} "]))


def laid_out(draw, polygons):
    pairs = [[list(pair) for pair in zip(flat[::2], flat[1::2], strict=True)] for flat in polygons]
    named = [[{"x": x, "y": y} for x, y in points] for points in pairs]
    columns = [{"all_points_x": flat[::2], "all_points_y": flat[1::2]} for flat in polygons]
    layouts = [polygons, pairs, [pairs[0], *polygons[1:]], named, columns, [columns[0], *polygons[1:]]]
    layouts += [polygons[0], pairs[0], named[0], columns[0]] if len(polygons) == 1 else []
    return draw(st.sampled_from(layouts))


def written_out(draw, value):
    """A list of numbers as one text, as databases, tables and numpy hold it."""
    numbers = [str(number) for number in value]
    return draw(st.sampled_from([", ".join(numbers), " ".join(numbers), f"[{' '.join(numbers)}]", str(tuple(value))]))


@st.composite
def disguised(draw):
    """The same annotations: numbers as text, polygons in other layouts, ids as words of any kind, in another order."""
    value = content()
    for record in value["annotations"]:
        if isinstance(record.get("segmentation"), list):
            record["segmentation"] = laid_out(draw, record["segmentation"])
        elif "segmentation" in record:
            rle = record["segmentation"]
            counts = draw(st.sampled_from([rle["counts"], str(rle["counts"]), written_out(draw, rle["counts"])]))
            layouts = [rle | {"counts": counts}, [rle], json.dumps(rle), [rle | {"counts": counts}]]
            record["segmentation"] = draw(st.sampled_from(layouts))
        if "bbox" in record and draw(st.booleans()):
            record["bbox"] = written_out(draw, record["bbox"])
        for key in {"bbox", "segmentation", "area"} & record.keys():
            record[key] = as_text(draw, record[key])
    for image in value["images"]:
        image |= {key: as_text(draw, image[key]) for key in ("height", "width")}
    for kind, key in (("images", "image_id"), ("categories", "category_id")):
        ids = (
            st.text("ab-_é", min_size=1, max_size=3)
            | st.integers(-3, 9)
            | st.sampled_from(["1e1", "0x1", 2**63, 2**127 - 1, "9" * 30])
        )
        new = draw(st.lists(ids, min_size=3, max_size=3, unique=True))
        for record in value[kind]:
            record["id"] = new[record["id"] - 1]
        for record in value["annotations"]:
            record[key] = new[record[key] - 1]
        value[kind] = draw(st.permutations(value[kind]))
    return value


def changes_nothing_but_is_said(value):
    before = copy.deepcopy(value)
    result = both_ways(value)
    assert value == before
    assert meant(result) == meant(both_ways(content()))
    assert (result.images.dropped, result.objects.dropped) == (0, 0)
    assert {finding.code for finding in result.findings} <= SAID
    changed = sum(one != other for one, other in zip(value["annotations"], result.annotations.objects, strict=True))
    assert result.objects.fixed == changed


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(disguised())
def test_a_disguise_changes_nothing_but_is_said(value):
    changes_nothing_but_is_said(value)


@pytest.mark.slow
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
@given(disguised())
def test_a_thousand_disguises_change_nothing_but_are_said(value):
    changes_nothing_but_is_said(value)


@given(st.lists(st.integers(-5, 20) | st.sampled_from(["a", "b", "c", "7", "7.0"]), unique=True), st.data())
def test_numbers_of_words_are_no_ones_and_no_number_refers_to_them(values, data):
    ids = Ids(values)
    found = [ids.find(value) for value in values]
    words = [value for value in values if value in ("a", "b", "c")]
    assert len(ids.given) == len(words) == len({ids.find(word) for word in words})
    assert not ids.given & {number for value, number in zip(values, found, strict=True) if value not in words}
    assert all(ids.find(number) is None for number in ids.given)


def test_a_reference_to_no_image_does_not_reach_one_whose_id_was_a_word():
    """The word's number is 1, and an annotation names an image 1 that the file does not have."""
    value = content()
    value["images"] = [{**image, "id": f"id-{image['id']}"} for image in value["images"]]
    for record in value["annotations"][1:]:
        record["image_id"] = f"id-{record['image_id']}"
    value["annotations"][0]["image_id"] = 1
    result = both_ways(value)
    assert {(finding.code, finding.count) for finding in result.findings if finding.policy == "drop"} == {
        ("annotation_of_unknown_image", 1)
    }
    assert result.annotations.images[0]["id"] == 1


def test_an_id_that_could_be_a_power_of_ten_is_a_word():
    ids = Ids(["5e3", 5000])
    assert ids.find("5e3") != ids.find(5000) == 5000


def test_a_category_is_named_by_the_name_of_one_that_was_merged():
    value = content()
    value["categories"].append({"id": 3, "name": "bag "})
    value["annotations"][0]["category_id"] = "bag "
    assert meant(both_ways(value))[0][1] == "bag"


@pytest.mark.parametrize("depth", [4, 500])
def test_text_that_holds_deep_lists_is_no_shape(depth):
    value = content()
    value["annotations"][0]["segmentation"] = "[" * depth + "1" + "]" * depth
    assert both_ways(value).objects.fixed == 1


@pytest.mark.parametrize("nothing", [[[]], [[], []], [[[]]], "", "  "])
def test_a_segmentation_without_any_number_is_none_whatever_else_the_file_has(nothing):
    """Converters from boxes write `[[]]`: a file of boxes is no file whose masks were lost."""
    value = content()
    value["annotations"] = [value["annotations"][0] | {"segmentation": nothing}]
    result = both_ways(value)
    assert "segmentation" not in result.annotations.objects[0]
    assert [finding.code for finding in result.findings if finding.code.startswith(("seg", "masks"))] == [
        "segmentation_blank"
    ]
    assert result.objects.to_json() == {"in": 1, "kept": 0, "fixed": 1, "dropped": 0}


def test_a_decimal_comma_is_no_list():
    value = content()
    value["annotations"][0] |= {"bbox": ["41,5", "13,5", "8,5", "7,5"]}
    assert [finding.code for finding in both_ways(value).findings][-1:] == ["box_malformed"]


def test_megabytes_of_blanks_between_numbers_are_read_at_once():
    value = content()
    value["annotations"][0] |= {"bbox": f"1{' ' * 2_000_000}x"}
    both_ways(value)


def test_ids_of_uuids_are_numbered_anew_and_text_of_19_digits_is_a_number():
    ids = Ids([2**127 + 1, 2**62 + 1, 3])
    assert ids.find(2**127 + 1) == ids.find(str(2**127 + 1)) == 1
    assert ids.find(str(2**62 + 1)) == 2**62 + 1
    assert ids.find(2**127 + 2) is None
    assert Ids([10**5000]).find(10**5000) is None
