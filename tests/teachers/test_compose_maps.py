"""The tuned teachers of a dataset, asked about every place of an image and kept by content."""

import numpy as np
import pytest

from gsam_edge.coco.needs import not_needed
from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES
from gsam_edge.distill.maps import StoredMaps
from gsam_edge.teachers.compose import TunedTeacher
from gsam_edge.teachers.compose_maps import mapping_teachers
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.maps import NoMaps
from gsam_edge.teachers.table import TeacherChoice

from .test_compose import LABELLING, SIDE, SPLIT, build_teachers

CHOICE = TeacherChoice(finder="grounding_dino", outliner="sam")
ALL = LossWeights(**dict.fromkeys(LOSSES, 1.0), detection=1.0)


def mapping(teachers, parts=("finder", "outliner"), choice=CHOICE):
    return mapping_teachers(SPLIT, teachers, choice, parts, detection=LABELLING.detection, device="cpu")


@pytest.fixture
def teachers():
    """New ones for each test: their adapters are put on in place."""
    return build_teachers()


def test_the_finder_and_the_outliner_give_all_that_the_losses_read_and_only_once(teachers):
    """From the real classes, on an image that is not square, kept and read again."""
    image = np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8)
    store, boxes = MemoryFeatures(), np.array([[4, 4, 30, 30], [20, 10, 60, 38]], np.float32)
    said = [
        StoredMaps(of, ALL, {"a.png": image}, store, image_size=SIDE, plain_share=0.5).of("a.png", boxes)
        for of in (mapping(teachers), mapping(build_teachers()))
    ]
    cells = 84
    assert {name: tuple(values.shape) for name, values in said[0].items()} == {
        "scores": (cells, 2), "boxes": (cells, 4), "features": (cells, 32), "mask_logits": (2, 16, 16)
    }  # fmt: skip
    assert len(store._kept) == 2
    for name, values in said[0].items():
        np.testing.assert_array_equal(values, said[1][name])


def test_only_the_teachers_that_are_asked_are_built_and_each_has_an_identity_of_its_own(teachers):
    assert list(mapping(build_teachers(), ("finder",))) == ["finder"]
    both = mapping(teachers)
    assert both["finder"].digest != both["outliner"].digest


def test_a_teacher_that_the_data_does_not_call_for_has_no_maps(teachers):
    nothing = not_needed("the annotations hold no boxes")
    absent = {**teachers, "grounding_dino": TunedTeacher(nothing, nothing)}
    found = mapping(absent)["finder"].maps
    assert isinstance(found, NoMaps)
    assert "Grounding DINO" in found.why
