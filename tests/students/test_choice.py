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
    with pytest.raises(ValidationError, match=r"expected one of \['auto', 'yolov8', .*\], got 'yoloe-v8'"):
        StudentConfig(**{**student_config.model_dump(), "architecture": "yoloe-v8"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "yolov9"}, r"size: expected.* yolov9, one of \['t', 's', 'm', 'c', 'e'\], got 'n'"),
        ({"architecture": "yolov9-seg", "size": "s"}, r"yolov9-seg, one of \['c', 'e'\], got 's'"),
        ({"architecture": "yolov3-tiny"}, "yolov3-tiny, null, since it has one size, got 'n'"),
        ({"size": "b"}, r"size: expected.* yolov8.*, one of \['n', 's', 'm', 'l', 'x'\], got 'b'"),
        ({"size": None}, "got None"),
        ({"architecture": "yolo26-p6", "image_size": 96}, "a multiple of 64, the coarsest cell of yolo26-p6, got 96"),
    ],
)
def test_a_size_that_the_architecture_does_not_have_is_refused_with_those_it_has(student_config, changes, message):
    with pytest.raises(ValidationError, match=message):
        StudentConfig(**{**student_config.model_dump(), **changes})


@pytest.mark.parametrize(
    ("architecture", "size"), [("yolov9", "t"), ("yolov10", "b"), ("yolov3-tiny", None), ("yolo26-seg", "x")]
)
def test_sizes_are_those_of_the_architecture(student_config, architecture, size):
    config = StudentConfig(**{**student_config.model_dump(), "architecture": architecture, "size": size})
    assert choose_student(annotations({**BOX, **MASK}), config).architecture == architecture
