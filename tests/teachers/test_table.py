"""Which teachers take part: those that are chosen and that the data calls for."""

import pytest

from gsam_edge.coco import Annotations, complete
from gsam_edge.teachers.table import TeacherChoice

TODAY = TeacherChoice(finder="grounding_dino", outliner="sam")


@pytest.mark.parametrize(
    ("keys", "grounding_dino", "sam"),
    [(("bbox",), True, False), (("segmentation",), False, True), (("bbox", "segmentation"), True, True)],
)
def test_the_data_calls_for_its_teachers(content, keys, grounding_dino, sam):
    record = content["annotations"][0]
    content["annotations"] = [{k: v for k, v in record.items() if k in (*keys, "id", "image_id", "category_id")}]
    needs = TODAY.needs(complete(Annotations.from_coco(content)).annotations)
    assert {name: needs[name].needed for name in TODAY.names} == {"grounding_dino": grounding_dino, "sam": sam}


def test_reasons_say_how_much_the_data_holds(content):
    needs = TODAY.needs(Annotations.from_coco(content))
    assert needs["grounding_dino"].why == "3 of 4 objects have a box of their own"
    assert needs["sam"].why == "3 of 4 objects have a mask"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"finder": "sam", "outliner": "sam"}, "finder: expected one of .*'grounding_dino'.*, got 'sam'"),
        ({"finder": "grounding_dino", "outliner": "grounding_dino"}, "outliner: expected one of .*'sam'.*, got"),
        ({"finder": "grounding_dyno", "outliner": "sam"}, "finder: expected one of .*, got 'grounding_dyno'"),
    ],
)
def test_who_cannot_do_the_part_is_refused(choice: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TeacherChoice(**choice)
