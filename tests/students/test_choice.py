import pytest
from pydantic import ValidationError

from gsam_edge.coco import Annotations
from gsam_edge.coco.annotations import BBOX_SOURCE, FROM_SEGMENTATION
from gsam_edge.students.choice import StudentChoiceError, StudentConfig, choose_student

BOX = {"bbox": [1, 1, 5, 5]}
MASK = {"segmentation": [[1, 1, 6, 1, 6, 6]]}
COMPLETED = {**MASK, **BOX, BBOX_SOURCE: FROM_SEGMENTATION}


def annotations(record) -> Annotations:
    return Annotations(
        ({"id": 1, "file_name": "a.png", "width": 9, "height": 9},),
        ({"id": 1, "image_id": 1, "category_id": 7, **record},),
        ({"id": 7, "name": "seal"},),
    )


@pytest.mark.parametrize(
    ("record", "architecture", "why"),
    [
        (BOX, "yolov8", "the annotations hold boxes only"),
        (MASK, "fastsam", "the annotations hold masks only"),
        (COMPLETED, "fastsam", "the annotations hold masks only"),
        ({**BOX, **MASK}, "yolov8-seg", "the annotations hold boxes and masks"),
    ],
)
def test_the_data_decides(student_config, record, architecture, why):
    choice = choose_student(annotations(record), student_config)
    assert (choice.architecture, choice.why) == (architecture, why)


def test_the_parameters_may_ask_for_what_the_data_can_teach(student_config):
    config = student_config.model_copy(update={"architecture": "yolov8"})
    choice = choose_student(annotations({**BOX, **MASK}), config)
    assert (choice.architecture, choice.why) == (
        "yolov8",
        "the parameters ask for it; the annotations hold boxes and masks",
    )


@pytest.mark.parametrize("architecture", ["yolov8-seg", "fastsam"])
def test_masks_cannot_be_learnt_from_boxes(student_config, architecture):
    config = student_config.model_copy(update={"architecture": architecture})
    with pytest.raises(StudentChoiceError, match=f"{architecture}' learns masks, but the annotations hold boxes only"):
        choose_student(annotations(BOX), config)


def test_no_labels_no_student(student_config):
    with pytest.raises(StudentChoiceError, match="boxes or masks, got neither"):
        choose_student(annotations({}), student_config)


def test_an_architecture_that_no_family_has_is_refused_with_those_that_there_are(student_config):
    with pytest.raises(ValidationError, match=r"expected one of \['auto', 'yolov8', .*\], got 'yolov9'"):
        StudentConfig(**{**student_config.model_dump(), "architecture": "yolov9"})
