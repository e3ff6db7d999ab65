"""Which teachers say something about every place of an image, and what is built of them."""

import numpy as np
import pytest
import torch

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import Setting
from gsam_edge.teachers.grounding_dino.maps import encoder_maps
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.maps import NoMaps
from gsam_edge.teachers.outlining.maps import mask_maps
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.teachers.table import TEACHERS
from support.tiny import TINY_GROUNDING_DINO, TINY_SAM

SETTING = Setting(
    class_names=("ring", "star"),
    detection=DetectionConfig(score_threshold=0, candidates=100, nms_iou=0.5, max_detections=10, batch_size=1),
    device="cpu",
    own_masks=False,
    keep_base=True,
    features=None,
)
CANVAS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
BOXES = np.array([[5, 5, 40, 40]], np.float32)


@pytest.mark.parametrize("name", ["yolo", "sam3"])
def test_a_teacher_without_maps_says_why(name):
    nothing = TEACHERS[name].maps(None, None, SETTING)
    assert isinstance(nothing, NoMaps)
    assert nothing.why


def test_grounding_dino_speaks_of_the_classes_and_takes_no_notice_of_boxes():
    base = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    maps = TEACHERS["grounding_dino"].maps(base, None, SETTING)
    said, again, expected = maps(CANVAS, BOXES), maps(CANVAS, BOXES[:0]), encoder_maps(base, CANVAS, ("ring", "star"))
    assert said["scores"].shape == (84, 2)
    for name, values in expected.items():
        torch.testing.assert_close(said[name], values, equal_nan=True)
        assert torch.equal(said[name].nan_to_num(), again[name].nan_to_num())


@pytest.mark.parametrize("name", ["sam", "sam2"])
def test_an_outliner_speaks_of_the_boxes(name):
    """SAM 2 is the same family of outliners, so that SAM's model shows both."""
    torch.manual_seed(0)
    base = SamModel(build_sam(TINY_SAM), TINY_SAM, "random")
    said = TEACHERS[name].maps(base, None, SETTING)(CANVAS, BOXES)
    expected = mask_maps(base, base.embed([CANVAS]), BOXES, (64, 64), multimask=False)
    torch.testing.assert_close(said["mask_logits"], expected["mask_logits"])
