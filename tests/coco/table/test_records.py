"""Records that stay text: equal to parsed ones, written as they were read, small, and known by a digest."""

import copy
import hashlib
import json
import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco import Annotations, InvalidDatasetError, RawCoco, validate
from gsam_edge.coco.table.columns import ObjectColumns
from gsam_edge.coco.table.raw import parse_json
from gsam_edge.coco.table.records import JsonRecords, ObjectTable

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
extra = st.dictionaries(text.map("x_".__add__), json_value, max_size=3)
number = st.integers(0, 30) | st.floats(0, 30)


@st.composite
def coco_files(draw):
    """Sound files with keys that nobody knows on every record."""
    category_ids = draw(st.lists(st.integers(0, 2**40), unique=True, min_size=1, max_size=3))
    image_ids = draw(st.lists(st.integers(0, 2**40), unique=True, min_size=1, max_size=4))
    shapes = st.fixed_dictionaries(
        {},
        optional={
            "bbox": st.tuples(number, number, st.floats(1, 9), st.floats(1, 9)).map(list),
            "segmentation": st.sampled_from(
                [[[1, 2, 9, 2, 9.5, 8]], [], {"size": [40, 40], "counts": [0, 1600]}, None]
            ),
            "area": st.floats(0, 99) | st.none(),
            "iscrowd": st.sampled_from([0, 1]),
            "bbox_source": st.sampled_from(["segmentation", "hand"]),
        },
    )
    objects = draw(st.lists(st.tuples(st.sampled_from(image_ids), st.sampled_from(category_ids), shapes), max_size=5))
    return {
        **draw(extra),
        "info": draw(extra),
        "images": [{"id": i, "file_name": f"{i}.png", "height": 40, "width": 40, **draw(extra)} for i in image_ids],
        "annotations": [
            {"id": row, "image_id": image, "category_id": category, **shape, **draw(extra)}
            for row, (image, category, shape) in enumerate(objects)
        ],
        "categories": [{"id": i, "name": f"class {i}", **draw(extra)} for i in category_ids],
    }


@given(coco_files(), st.sampled_from([None, 2]), st.booleans())
def test_what_is_written_is_read_as_it_was(content, indent, ascii_only):
    raw = RawCoco.parse(json.dumps(content, indent=indent, ensure_ascii=ascii_only).encode())
    assert raw.content == content
    value = Annotations.from_coco(raw.content)
    assert value == Annotations.from_coco(content)
    assert value.to_coco() == content
    assert json.loads(value.to_json()) == content
    again = Annotations.from_json(value.to_json())
    assert again == value
    for name, column in vars(ObjectColumns.of(content["annotations"])).items():
        np.testing.assert_array_equal(getattr(again.columns, name), column, err_msg=name)


@given(coco_files())
def test_subsets_and_changes_are_those_of_parsed_records(content):
    plain = Annotations.from_coco(content)
    lazy = Annotations.from_json(plain.to_json())
    assert isinstance(lazy.objects, ObjectTable)
    ids = [image["id"] for image in content["images"]][::2]
    for value in (lazy, lazy.subset(ids)):
        other = plain if value is lazy else plain.subset(ids)
        assert value == other
        assert (value.has_boxes, value.has_masks) == (other.has_boxes, other.has_masks)
        assert dict(value.objects_of_image) == dict(other.objects_of_image)
        np.testing.assert_array_equal(value.image_class_counts, other.image_class_counts)
    rows = np.arange(len(plain.objects))[:2]
    changed = [{**plain.objects[row], "bbox": [1, 1, 5, 5]} for row in rows.tolist()]
    assert lazy.with_objects(rows, changed) == plain.with_objects(rows, changed)
    assert lazy.with_objects(rows, changed).columns.xywh[rows].tolist() == [[1, 1, 5, 5]] * len(rows)


def test_classes_on_images_are_counted_without_crowds():
    images = tuple({"id": i, "file_name": f"{i}", "height": 9, "width": 9} for i in (7, 3))
    owners = [(3, 9, 0), (3, 9, 0), (7, 2, 0), (7, 2, 1)]
    objects = tuple(
        {"id": row, "image_id": image, "category_id": category, "iscrowd": crowd, "bbox": [0, 0, 1, 1]}
        for row, (image, category, crowd) in enumerate(owners)
    )
    value = Annotations(images, objects, ({"id": 9, "name": "a"}, {"id": 2, "name": "b"}))
    assert value.image_class_counts.tolist() == [[0, 1], [2, 0]]
    assert value.image_class_counts.dtype == np.int32
    stray = Annotations(images, ({**objects[0], "image_id": 4},), value.categories)
    with pytest.raises(KeyError, match=r"expected ids of 2 known records, got \[4\]"):
        stray.image_class_counts  # noqa: B018
    with pytest.raises(KeyError):
        stray.objects_of_image  # noqa: B018


@pytest.mark.parametrize(
    "text",
    [
        b'{"annotations": [{"a": NaN}, Infinity]}', b'\xef\xbb\xbf{"annotations": []}', b'{"annotations": ["\\ud800"]}',
        '{"annotations": ["é"]}'.encode("utf-16"), b'{"annotations": [1e400]}', b'{"images": [1e400]}', b"[1, 2]", b"7",
        b'{"annotations": {"a": 1}}', b'{"annotations": null}', b'{"annotations": 1, "annotations": [2]}', b"{}",
        b'{"other": {"a": [1]}, "annotations": [1, "x", null, [2], {"b": 1}]}', b' {"annotations" : [ 1 , 2 ] } ',
    ],
)  # fmt: skip
def test_both_readers_agree(text):
    assert repr_of(parse_json(text)) == repr_of(json.loads(text))


def repr_of(value):
    return repr({key: list(part) if isinstance(part, JsonRecords) else part for key, part in value.items()}
                if isinstance(value, dict) else value)  # fmt: skip


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": 01}', b'{"a": "\xff"}', b"[" * 100_000, b'{"annotations": [1,]}'])
def test_what_is_no_json_is_said(text):
    with pytest.raises(InvalidDatasetError, match="expected a COCO file in JSON, but it does not parse"):
        RawCoco.parse(text)


def test_records_are_a_sequence():
    records = parse_json(b'{"annotations": [{"a": 1}, 2, "x"]}')["annotations"]
    assert isinstance(records, JsonRecords)
    assert records == [{"a": 1}, 2, "x"]
    assert records == ({"a": 1}, 2, "x")
    assert records != [{"a": 1}, 2]
    assert records != "abc"
    assert records[-1] == "x"
    assert records[:2] == [{"a": 1}, 2]
    assert list(records.json_texts()) == [b'{"a": 1}', b"2", b'"x"']
    assert pickle.loads(pickle.dumps(records)) == copy.deepcopy(records) == records  # noqa: S301
    assert repr(records) == "JsonRecords(3 records)"


def test_sound_records_are_never_rewritten(content, files, config):
    """Numbers keep the digits that their maker wrote, in records in which nothing was wrong."""
    line = b'{"id": 1, "image_id": 1, "category_id": 3, "bbox": [10.0, 1e1, 10.10, 10], "area": 101.00}'
    content["annotations"] = []
    text = json.dumps(content).encode().replace(b'"annotations": []', b'"annotations": [' + line + b"]")
    result = validate(RawCoco.parse(text).content, files(), config, source="file")
    assert line in result.annotations.to_json()


@given(coco_files(), st.sampled_from([None, 2]), st.booleans())
def test_the_digest_is_that_of_the_file_and_stays_through_it(content, indent, ascii_only):
    """For records in a tuple, and for records that were read from somebody's file, however that was written."""
    read = Annotations.from_json(json.dumps(content, indent=indent, ensure_ascii=ascii_only).encode())
    built = Annotations.from_coco(content)
    for value in (read, built):
        file = value.to_json()
        again = Annotations.from_json(file)
        assert isinstance(again.objects, JsonRecords)
        assert value.digest == again.digest == hashlib.sha256(file).hexdigest()
        assert again.to_json() == file


@given(coco_files())
def test_parsed_records_have_the_digest_of_their_text(content):
    built = Annotations.from_coco(content)
    read = Annotations.from_json(built.to_json())
    parsed = replace(read, objects=tuple(read.objects))
    backwards = Annotations.from_coco(dict(reversed(content.items())))
    assert built.digest == read.digest == parsed.digest == backwards.digest


def test_whatever_is_changed_changes_the_digest(content):
    value = Annotations.from_coco(content)
    first = {**value.objects[0], "bbox": [0, 0, 2, 41]}
    renamed = [{**value.categories[0], "name": "sack"}, *value.categories[1:]]
    others = [
        value.with_source("a"),
        value.with_source("b"),
        value.taking_objects(np.arange(1, len(value.objects))),
        value.taking_objects(np.arange(len(value.objects))[::-1]),
        value.with_objects(np.array([0]), [first]),
        value.subset([image["id"] for image in value.images[1:]]),
        replace(value, categories=tuple(renamed)),
        replace(value, images=value.images[::-1]),
    ]
    assert len({other.digest for other in [value, *others]}) == len(others) + 1


@pytest.mark.parametrize("count", [0, 1, 1024, 1025, 2048])
def test_any_number_of_records_is_written_whole(count):
    image = {"id": 1, "file_name": "a.png", "height": 9, "width": 9}
    objects = tuple({"id": row, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]} for row in range(count))
    value = Annotations((image,), objects, ({"id": 1, "name": "x"},))
    assert json.loads(value.to_json()) == value.to_coco()
    assert Annotations.from_json(value.to_json()).digest == value.digest


def test_a_digest_needs_no_room_for_the_file():
    image = {"id": 1, "file_name": "a.png", "height": 9, "width": 9}
    outline = [[float(place) for place in range(40)]]
    objects = [
        {"id": row, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "segmentation": outline}
        for row in range(50_000)
    ]
    file = Annotations((image,), tuple(objects), ({"id": 1, "name": "x"},)).to_json()
    value = Annotations.from_json(file)
    tracemalloc.start()
    try:
        assert value.digest
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(file) / 4
