"""References that all miss by one are said, and labels are not given to the image or the class beside theirs."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco import CocoValidation
from support.coco_files import MemoryFiles, validated_both_ways


def world(*, images=6, classes=3, start=1):
    """A file of one object of each class on each image; all numbers begin at `start`."""
    return {
        "images": [{"id": start + n, "file_name": f"{n}.png", "height": 40, "width": 50} for n in range(images)],
        "annotations": [
            {"id": n * classes + c, "image_id": start + n, "category_id": start + c, "bbox": [c, n, 10 + n, 10 + c]}
            for n in range(images)
            for c in range(classes)
        ],
        "categories": [{"id": start + c, "name": f"class {c}"} for c in range(classes)],
    }


def checked(content, **policies):
    """Validates the file as text and parsed; both give the same, or the same refusal."""
    files = MemoryFiles({image["file_name"]: (40, 50) for image in content["images"]})
    return validated_both_ways(content, files, **policies)


@pytest.mark.parametrize(("key", "code"), [("image_id", "image_ids_shifted"), ("category_id", "category_ids_shifted")])
@settings(deadline=None, max_examples=25)
@given(images=st.integers(5, 30), classes=st.integers(2, 6), start=st.integers(-1, 3), step=st.sampled_from([1, -1]))
def test_references_that_all_miss_by_one_end_the_run(key, code, images, classes, start, step):
    content = world(images=images, classes=classes, start=start)
    for record in content["annotations"]:
        record[key] += step
    message = checked(content)
    assert f"({code}: " in message
    assert f"--params=validation.policies.{code}=keep" in message
    there, meant = map(int, re.search(rf"is of {key} (-?\d+) .*, where (-?\d+) ", message).groups())
    assert meant == there - step
    kept = checked(content, **{code: "keep"})
    assert (code, "keep", kept.objects.total - kept.objects.dropped) in {
        (finding.code, finding.policy, finding.count) for finding in kept.findings
    }


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 12), st.integers(1, 5), st.integers(0, 1),
    st.lists(st.sampled_from(["first image", "last image", "first class", "last class", "an image", "unknown image"])),
    st.data(),
)  # fmt: skip
def test_a_file_with_a_gap_and_one_slip_is_not_taken_for_shifted(images, classes, start, gaps, data):
    """An image or a class of which nothing is shown, or a reference to nothing, is no sign by itself."""
    content = world(images=images, classes=classes, start=start)
    left = content["annotations"]
    ends = {
        "first image": ("image_id", start), "last image": ("image_id", start + images - 1),
        "first class": ("category_id", start), "last class": ("category_id", start + classes - 1),
        "an image": ("image_id", start + images // 2),
    }  # fmt: skip
    for gap in {*gaps} & ends.keys():
        key, number = ends[gap]
        left = [record for record in left if record[key] != number]
    if "unknown image" in gaps and not {"first image", "last image"} & {*gaps}:
        left.append({"id": 999, "image_id": start + images, "category_id": start, "bbox": [1, 1, 5, 5]})
    content["annotations"] = data.draw(st.permutations(left))
    result = checked(content)
    assert isinstance(result, CocoValidation) or "shifted" not in result
